import { createPinia } from 'pinia';
import { createApp } from 'vue';
import { whenUnauthenticated } from '@/api/http';
import { currentLocale, i18n, setLocale } from '@/i18n';
import { createShopRouter, loginWithReturn } from '@/router';
import { followOtherTabs, useCartStore } from '@/stores/cart';
import { useSessionStore } from '@/stores/session';
import App from './App.vue';
import './styles/tokens.css';
import './styles/base.css';
import './styles/elements.css';

const app = createApp(App);
app.use(createPinia());
app.use(i18n);
const router = createShopRouter();
app.use(router);

setLocale(currentLocale());
followOtherTabs(useCartStore());

const session = useSessionStore();
whenUnauthenticated(() => {
  session.expire();
  const here = router.currentRoute.value;
  if (here.name !== 'login') void router.push(loginWithReturn(here.fullPath));
});
// The header wants to know; a failure shows where the session is needed.
session.ensureKnown().catch(() => undefined);

app.mount('#app');
