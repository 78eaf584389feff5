import { createRouter, createWebHistory } from 'vue-router';
import type { RouteLocationNormalized, Router, RouteRecordRaw } from 'vue-router';
import { useSessionStore } from '@/stores/session';

declare module 'vue-router' {
  interface RouteMeta {
    /** Only for who is logged in; others log in first and come back. */
    requiresSession?: boolean;
    /** Only for operators; to others there is no such page. */
    requiresAdmin?: boolean;
    /** Key of the page's name, for the browser's tab. */
    title?: string;
  }
}

const operators = { requiresSession: true, requiresAdmin: true } as const;

const routes: RouteRecordRaw[] = [
  { path: '/', name: 'products', component: () => import('@/views/ProductsView.vue') },
  { path: '/products/:id(\\d+)', name: 'product', component: () => import('@/views/ProductView.vue') },
  { path: '/cart', name: 'cart', component: () => import('@/views/CartView.vue'), meta: { title: 'cart.title' } },
  { path: '/login', name: 'login', component: () => import('@/views/LoginView.vue'), meta: { title: 'login.title' } },
  { path: '/checkout', name: 'checkout', component: () => import('@/views/CheckoutView.vue'), meta: { title: 'checkout.title', requiresSession: true } },
  { path: '/orders', name: 'orders', component: () => import('@/views/OrdersView.vue'), meta: { title: 'orders.title', requiresSession: true } },
  { path: '/orders/:orderNo', name: 'order', component: () => import('@/views/OrderView.vue'), meta: { title: 'order.title', requiresSession: true } },
  { path: '/orders/:orderNo/pay', name: 'pay', component: () => import('@/views/PayView.vue'), meta: { title: 'pay.title', requiresSession: true } },
  { path: '/orders/:orderNo/result', name: 'result', component: () => import('@/views/ResultView.vue'), meta: { title: 'result.title', requiresSession: true } },
  { path: '/account', name: 'account', component: () => import('@/views/AccountView.vue'), meta: { title: 'account.title', requiresSession: true } },
  { path: '/admin', redirect: { name: 'sagas' } },
  { path: '/admin/sagas', name: 'sagas', component: () => import('@/views/admin/SagasView.vue'), meta: { title: 'admin.sagas.title', ...operators } },
  { path: '/admin/sagas/:id', name: 'saga', component: () => import('@/views/admin/SagaView.vue'), meta: { title: 'admin.saga.title', ...operators } },
  { path: '/admin/payments', name: 'payments', component: () => import('@/views/admin/PaymentsView.vue'), meta: { title: 'admin.payments.title', ...operators } },
  { path: '/admin/payments/:orderNo', name: 'payment', component: () => import('@/views/admin/PaymentView.vue'), meta: { title: 'admin.payment.title', ...operators } },
  { path: '/admin/alerts', name: 'alerts', component: () => import('@/views/admin/AlertsView.vue'), meta: { title: 'admin.alerts.title', ...operators } },
  { path: '/admin/alerts/:id', name: 'alert', component: () => import('@/views/admin/AlertView.vue'), meta: { title: 'admin.alert.title', ...operators } },
  { path: '/admin/state-machines', name: 'state-machines', component: () => import('@/views/admin/StateMachinesView.vue'), meta: { title: 'admin.machines.title', ...operators } },
  { path: '/admin/state-machines/:name', name: 'state-machine', component: () => import('@/views/admin/StateMachineView.vue'), meta: { title: 'admin.machine.title', ...operators } },
  { path: '/:path(.*)*', name: 'not-found', component: () => import('@/views/NotFoundView.vue'), meta: { title: 'notFound.title' } },
];

export function createShopRouter(): Router {
  const router = createRouter({
    history: createWebHistory(),
    routes,
    scrollBehavior: (to, from, saved) => saved ?? (to.path === from.path && to.hash === '' ? false : { top: 0 }),
  });
  router.beforeEach(admit);
  return router;
}

async function admit(to: RouteLocationNormalized) {
  if (to.meta.requiresSession !== true) return true;
  const session = useSessionStore();
  try {
    await session.ensureKnown();
  } catch {
    // Nobody could tell who it is: the page's own call will, or shows why not.
    return true;
  }
  if (!session.authenticated) return loginWithReturn(to.fullPath);
  if (to.meta.requiresAdmin === true && !session.isAdmin) return notFound(to);
  return true;
}

/** The address stays, as it does for a page that was never there. */
function notFound(to: RouteLocationNormalized) {
  return { name: 'not-found', params: { path: to.path.slice(1).split('/') }, query: to.query, hash: to.hash };
}

export function loginWithReturn(fullPath: string) {
  return { name: 'login', query: { redirect: fullPath } };
}

/** Where to go after the login: a path of this shop, whatever stood in the address. */
export function returnPath(redirect: unknown): string {
  const ours = typeof redirect === 'string' && /^\/(?![/\\])/.test(redirect) && !redirect.startsWith('/login');
  return ours ? redirect : '/';
}
