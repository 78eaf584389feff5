// The shop as shoppers use it: a real browser, a real shop, nothing in between. Screenshots go to target/screenshots/.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { startShop } from './kessai.mjs'
import { launch, phone, screenshots, visitor, wide } from './visitor.mjs'

let shop
let browser

before(async () => {
  shop = await startShop()
  browser = await launch()
})

after(async () => {
  await browser?.close()
  assert.equal(await shop?.stop(), 0, 'the shop ends with 0')
})

const shopper = (viewport) => visitor(browser, viewport)

async function addToCart({ page, id }, place) {
  await page.goto(shop.url)
  await id('product-card').nth(place).click()
  await page.waitForURL(/\/products\/\d+/)
  await id('add-to-cart').click()
}

async function checkOut({ page, id }, email) {
  await id('cart-link').click()
  await id('checkout-button').click()
  await id('login-email').fill(email)
  await id('login-name').fill('山田 花子')
  await id('login-submit').click()
  await id('place-order').click()
  await page.waitForURL(/\/orders\/K[^/]+\/pay/)
  await id('pay-qr').waitFor()
}

/** Presses a button on the phone page that the payment link opens. */
async function onThePhone({ page, context, id }, button, screenshot) {
  const [phonePage] = await Promise.all([context.waitForEvent('page'), id('pay-open-link').click()])
  await phonePage.waitForLoadState()
  await phonePage.setViewportSize(phone)
  if (screenshot) await phonePage.screenshot({ path: join(screenshots, `${screenshot}-390.png`), fullPage: true })
  const answered = phonePage.waitForResponse((answer) => answer.url().endsWith(`/${button}`))
  await phonePage.locator(`[data-action="${button}"], #${button}`).first().click()
  assert.equal((await answered).status(), 200)
  await phonePage.close()
  await page.bringToFront()
}

for (const viewport of [wide, phone]) {
  test(`two different products are bought at ${viewport.width} pixels, and PAID arrives by push`, async () => {
    const one = await shopper(viewport)
    const { page, id, shoot, complaints } = one
    const pushes = []
    page.on('websocket', (socket) => {
      socket.on('framereceived', ({ payload }) => pushes.push(JSON.parse(String(payload))))
    })
    let loads = 0
    page.on('load', () => { loads += 1 })

    await page.goto(shop.url)
    await id('product-card').first().waitFor()
    assert.ok((await id('product-card').count()) >= 8)
    await shoot('products')
    await addToCart(one, 0)
    await shoot('product')
    await addToCart(one, 1)
    await page.reload()
    assert.equal((await id('cart-count').first().textContent()).trim(), '2', 'the cart outlives a reload')
    await id('cart-link').click()
    await id('cart-line').nth(1).waitFor()
    await shoot('cart')
    await id('checkout-button').click()
    await id('login-email').waitFor()
    await shoot('login')
    await id('login-email').fill(`buyer-${viewport.width}@example.com`)
    await id('login-name').fill('山田 花子')
    await id('login-submit').click()
    await id('place-order').waitFor()
    await shoot('checkout')
    await id('place-order').click()
    await page.waitForURL(/\/orders\/K[^/]+\/pay/)
    await id('pay-qr').waitFor()
    await shoot('pay')
    const loadsBefore = loads
    await onThePhone(one, 'approve', viewport === wide ? 'phone' : undefined)

    await id('result-status').waitFor()
    assert.equal(await id('result-status').getAttribute('data-status'), 'PAID')
    assert.equal(loads, loadsBefore, 'nothing was reloaded')
    const pushed = pushes.find((message) => message.type === 'ORDER_UPDATED' && message.order.status === 'PAID')
    assert.ok(pushed, `PAID came over the WebSocket: ${JSON.stringify(pushes)}`)
    await shoot('result')
    await page.goto(`${shop.url}/orders`)
    await id('order-row').first().waitFor()
    await shoot('orders')
    await page.goto(`${shop.url}/orders/${pushed.order.orderNo}`)
    await id('timeline-entry').nth(2).waitFor()
    await shoot('order')
    await page.goto(`${shop.url}/account`)
    await page.waitForLoadState('networkidle')
    await shoot('account')
    assert.deepEqual(complaints, [], 'the browser had nothing to complain about')
    await one.context.close()
  })
}

test('a declined payment is told at once, and the cart can be bought again', async () => {
  const one = await shopper(wide)
  await addToCart(one, 2)
  await checkOut(one, 'declined@example.com')
  await onThePhone(one, 'decline')
  await one.id('result-status').waitFor()
  assert.equal(await one.id('result-status').getAttribute('data-status'), 'FAILED')
  await one.shoot('declined')
  await one.context.close()
})

test('a buyer cancels an unpaid order', async () => {
  const one = await shopper(phone)
  await addToCart(one, 3)
  await checkOut(one, 'canceled@example.com')
  await one.id('pay-cancel').click()
  await one.id('pay-cancel-confirm').click()
  await one.id('result-status').waitFor()
  assert.equal(await one.id('result-status').getAttribute('data-status'), 'FAILED')
  await one.shoot('canceled')
  await one.context.close()
})

test('the payment page finds its order again after a reload', async () => {
  const one = await shopper(wide)
  await addToCart(one, 4)
  await checkOut(one, 'reload@example.com')
  await one.page.reload()
  await one.id('pay-qr').waitFor()
  await onThePhone(one, 'approve')
  await one.id('result-status').waitFor()
  assert.equal(await one.id('result-status').getAttribute('data-status'), 'PAID')
  await one.context.close()
})

test('another tab can pay an order that it did not place', async () => {
  const one = await shopper(wide)
  await addToCart(one, 5)
  await checkOut(one, 'tabs@example.com')
  const other = { ...one, page: await one.context.newPage() }
  other.id = (name) => other.page.getByTestId(name)
  await other.page.goto(one.page.url())
  await onThePhone(other, 'approve')
  for (const tab of [other, one]) {
    await tab.id('result-status').waitFor()
    assert.equal(await tab.id('result-status').getAttribute('data-status'), 'PAID')
  }
  await one.context.close()
})

test('search suggests while one types, in Japanese, and the language can be changed', async () => {
  const { page, id, context, shoot } = await shopper(wide)
  await page.goto(shop.url)
  const first = (await id('product-title').first().textContent()).trim()
  await id('search-input').first().fill(first.slice(0, 3))
  await id('search-suggestion').first().waitFor()
  await shoot('search')
  await id('search-input').first().press('Enter')
  await page.waitForURL(/[?&]q=/)
  await id('product-card').first().waitFor()
  assert.equal(await page.locator('html').getAttribute('lang'), 'ja')
  await id('lang-switch').first().click()
  await page.waitForFunction(() => document.documentElement.lang === 'en')
  await page.reload()
  assert.equal(await page.locator('html').getAttribute('lang'), 'en', 'the choice is remembered')
  await shoot('english')
  await context.close()
})
