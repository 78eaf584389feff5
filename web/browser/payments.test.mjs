// An administrator finds a payment and gives its money back; the buyer sees it. Screenshots go to target/screenshots/.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { eventually, startShop } from './kessai.mjs'
import { launch, phone, visitor, wide } from './visitor.mjs'

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

/** Logs in on the way to a page. */
async function loggedIn(viewport, path, email, admin) {
  const one = await visitor(browser, viewport)
  await one.page.goto(shop.url + path)
  await one.id('login-email').fill(email)
  if (admin) await one.id('login-admin').check()
  await one.id('login-submit').click()
  await one.page.waitForURL((url) => url.pathname === path)
  return one
}

/** A buyer with an order that is paid. */
async function paidOrder(viewport) {
  const buyer = await loggedIn(viewport, '/orders', `buyer-${viewport.width}@example.com`, false)
  const { items } = await (await buyer.context.request.get(`${shop.url}/api/products?size=2`)).json()
  const answer = await buyer.context.request.post(`${shop.url}/api/orders`, {
    headers: { origin: shop.url, 'idempotency-key': `refund-${viewport.width}` },
    data: { items: items.map((product) => ({ productId: product.id, quantity: 1 })) },
  })
  const { orderNo, payment } = await answer.json()
  await buyer.context.request.post(`${shop.url}/sandbox/codes/${payment.url.split('/').pop()}/approve`)
  await eventually('the payment', async () => (await (await buyer.context.request.get(`${shop.url}/api/orders/${orderNo}`)).json()).status === 'PAID')
  return { buyer, orderNo }
}

for (const viewport of [wide, phone]) {
  test(`a paid order is found and refunded, and its buyer sees it, at ${viewport.width} pixels`, async () => {
    const { buyer, orderNo } = await paidOrder(viewport)
    const one = await loggedIn(viewport, '/admin/payments', `treasurer-${viewport.width}@example.com`, true)
    const { page, id } = one
    const row = page.locator(`[data-testid=payment-row][data-order="${orderNo}"]`)
    await row.waitFor()
    await id('filter-status').selectOption('REFUNDED')
    await page.waitForURL(/status=REFUNDED/)
    await row.waitFor({ state: 'detached' })
    await id('filter-status').selectOption('PAID')
    await id('filter-order').fill(orderNo.toLowerCase())
    await id('filter-order').press('Enter')
    await page.waitForURL(/orderNo=K/)
    await row.waitFor()
    assert.equal(await id('payment-row').count(), 1)
    await one.shoot('payments')
    await row.getByRole('link').click()

    await page.locator('[data-testid=payment-status][data-status=PAID]').waitFor()
    assert.match(await id('payment-id').textContent(), /^\d+$/)
    assert.equal(await id('payment-attempt').count(), 1)
    await one.shoot('payment-paid')
    await id('refund').click()
    assert.ok(await id('refund-confirm').isDisabled(), 'a reason is needed')
    await id('refund-reason').fill('到着時に割れていました')
    await id('refund-restock').check()
    await one.shoot('payment-confirm', false)
    await id('refund-confirm').click()
    await page.locator('[data-testid=payment-status][data-status=REFUNDED]').waitFor()
    await page.locator('[data-testid=refund-state][data-state=DONE]').waitFor()
    await page.locator('[data-testid=refund-confirm]').waitFor({ state: 'detached' })
    assert.ok(!(await id('refund').isVisible()), 'once is enough')
    assert.match(await page.locator('[data-testid=audit-entry][data-action=refund-restock]').textContent(), /割れていました/)
    await one.shoot('payment-refunded')
    const width = await page.evaluate(() => document.documentElement.scrollWidth)
    assert.ok(width <= viewport.width, `nothing sticks out: ${width}`)
    await id('payment-saga').click()
    await page.waitForURL(new RegExp(`/admin/sagas/${orderNo}$`))

    await buyer.page.goto(`${shop.url}/orders/${orderNo}`)
    await buyer.page.locator('[data-testid=order-detail-status][data-status=REFUNDED]').waitFor()
    await buyer.page.locator('[data-testid=timeline-entry][data-event=REFUNDED]').waitFor()
    await buyer.shoot('order-refunded')
    assert.deepEqual([...one.complaints, ...buyer.complaints], [], 'the browsers had nothing to complain about')
    await one.context.close()
    await buyer.context.close()
  })
}
