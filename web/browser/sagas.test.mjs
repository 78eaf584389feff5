// The console as operators use it: a real shop, a real browser, and services outside that refuse. Screenshots go to target/screenshots/.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually, root, startShop } from './kessai.mjs'
import { openOutside } from './outside.mjs'
import { launch, phone, visitor, wide } from './visitor.mjs'

let outside
let shop
let browser

before(async () => {
  outside = await openOutside()
  shop = await startShop({ saga_service_url: outside.url, saga_recovery_attempts: '2', saga_recovery_first_seconds: '1' })
  browser = await launch()
})

after(async () => {
  await browser?.close()
  const code = await shop?.stop()
  await outside?.close()
  assert.equal(code, 0, 'the shop ends with 0')
})

/** Logs in on the way to a page of the console. */
async function operator(viewport, path = '/admin') {
  const one = await visitor(browser, viewport)
  await one.page.goto(shop.url + path)
  await one.id('login-email').fill(`operator-${viewport.width}@example.com`)
  await one.id('login-admin').check()
  await one.id('login-submit').click()
  await one.id('admin-link').waitFor()
  return one
}

/** The same, without pages: the console's session calls the API. */
function api(one) {
  const headers = { origin: shop.url }
  return {
    get: async (path) => (await one.context.request.get(shop.url + path)).json(),
    post: async (path, data) => {
      const answer = await one.context.request.post(shop.url + path, { headers, data })
      assert.ok(answer.ok(), `${path}: ${answer.status()} ${await answer.text()}`)
      return answer.json()
    },
  }
}

const example = (name) => readFileSync(join(root, `docs/examples/${name}.json`), 'utf8')
const task = (method, more) => ({ Type: 'ServiceTask', ServiceType: 'http', ServiceName: 'trips', ServiceMethod: `/${method}`, ...more })
/** Books a seat, then a room; gives the seat back if there is no room. */
const trip = {
  Name: 'trip',
  Comment: 'A seat and a room, or neither.',
  Version: '1',
  StartState: 'BookSeat',
  States: {
    BookSeat: task('book-seat', { CompensateState: 'FreeSeat', Output: { ticket: '$.#root' }, Next: 'NeedsRoom' }),
    NeedsRoom: { Type: 'Choice', Choices: [{ Expression: '[nights] > 0', Next: 'BookRoom' }], Default: 'Done' },
    BookRoom: task('book-room', {
      CompensateState: 'FreeRoom',
      Status: { '$Exception{BusinessError}': 'FA', '$Exception{java.lang.Throwable}': 'UN', true: 'SU' },
      Catch: [{ Exceptions: ['java.lang.Throwable'], Next: 'Undo' }],
      Next: 'Done',
    }),
    Done: { Type: 'Succeed' },
    Undo: { Type: 'CompensationTrigger', Next: 'NoTrip' },
    NoTrip: { Type: 'Fail', ErrorCode: 'NO_TRIP', Message: 'there is no room' },
    FreeSeat: task('free-seat', { Retry: [{ IntervalSeconds: 0.1, MaxAttempts: 1 }] }),
    FreeRoom: task('free-room'),
  },
}

/** A trip whose seat cannot be given back. */
async function parkedTrip(one, businessKey) {
  outside.refuse('trips/book-room', 409, 'NO_ROOM', 'the hotel is full')
  outside.refuse('trips/free-seat', 503, 'CLOSED', 'the counter is closed')
  await api(one).post('/api/admin/state-machines', trip)
  const { id } = await api(one).post('/api/admin/sagas', { machine: 'trip', businessKey, params: { nights: 2, password: 'hunter2' } })
  await eventually('the trip to be parked', async () => (await api(one).get(`/api/admin/sagas/${id}`)).phase === 'PARKED')
  return id
}

const state = (one, name) => one.page.locator(`[data-testid=diagram-state][data-state="${name}"]`).first()
const edge = (one, from, to) => one.page.locator(`[data-testid=diagram-edge][data-from="${from}"][data-to="${to}"]`).first()
const step = (one, name) => one.page.locator(`[data-testid=saga-step][data-state="${name}"]`).first()
const phaseIs = (one, phase) => one.page.locator(`[data-testid=saga-phase][data-phase="${phase}"]`).waitFor()

for (const viewport of [wide, phone]) {
  test(`a parked saga is found, looked at and taken up again at ${viewport.width} pixels`, async () => {
    const one = await operator(viewport)
    await one.page.waitForURL(/\/admin\/sagas$/)
    const id = await parkedTrip(one, `summer-${viewport.width}`)
    await one.page.reload()
    const row = one.page.locator(`[data-testid=saga-row][data-saga="${id}"]`)
    await row.waitFor()
    assert.equal(await one.id('saga-row').first().getAttribute('data-phase'), 'PARKED', 'what needs somebody comes first')
    await one.shoot('sagas')
    await one.page.locator('[data-testid=phase-chip][data-phase=PARKED]').click()
    await one.page.waitForURL(/phase=PARKED/)
    await row.getByRole('link').click()

    await phaseIs(one, 'PARKED')
    assert.match(await one.id('saga-error').textContent(), /FreeSeat/)
    await state(one, 'FreeSeat').waitFor()
    assert.equal(await state(one, 'FreeSeat').getAttribute('data-current'), 'true')
    assert.equal(await state(one, 'BookSeat').getAttribute('data-status'), 'SU')
    assert.equal(await state(one, 'BookRoom').getAttribute('data-status'), 'FA')
    assert.match(await edge(one, 'BookSeat', 'FreeSeat').getAttribute('class'), /taken/, 'the compensation that was tried is marked')
    assert.doesNotMatch(await edge(one, 'BookRoom', 'FreeRoom').getAttribute('class'), /taken/)
    assert.doesNotMatch(await one.page.locator('main').textContent(), /hunter2|not to be shown/, 'secrets are not shown')
    await state(one, 'BookSeat').click()
    await step(one, 'BookSeat').locator('pre').first().waitFor()
    assert.equal(await one.id('saga-step').count(), 1, 'only the entries of the chosen state')
    await one.shoot('saga-parked')
    await state(one, 'BookSeat').click()

    outside.accept('trips/free-seat')
    await one.id('saga-retry').click()
    await one.id('saga-reason').fill('the counter has opened')
    await one.shoot('saga-confirm', false)
    await one.id('saga-confirm').click()
    await phaseIs(one, 'COMPENSATED')
    await one.page.locator('[data-testid=saga-confirm]').waitFor({ state: 'detached' })
    assert.equal(await edge(one, 'BookSeat', 'FreeSeat').getAttribute('data-tone'), 'info')
    assert.equal(await state(one, 'NoTrip').getAttribute('data-current'), 'true')
    const audited = one.page.locator('[data-testid=audit-entry][data-action=retry]')
    assert.match(await audited.textContent(), /the counter has opened/)
    await one.shoot('saga-compensated')
    assert.deepEqual(one.complaints, [], 'the browser had nothing to complain about')
    await one.context.close()
  })
}

test('a refused retry says why, and the page goes on showing what is', async () => {
  const one = await operator(wide, '/admin/state-machines')
  const id = await parkedTrip(one, 'refused')
  const path = `/api/admin/sagas/${id}`
  const parked = await api(one).get(path)
  // Somebody else is faster, and this page has not heard of it.
  await one.page.route(shop.url + path, (route) => route.fulfill({ json: parked }))
  await one.page.goto(`${shop.url}/admin/sagas/${id}`)
  await one.id('saga-retry').click()
  outside.accept('trips/free-seat')
  await api(one).post(`${path}/retry`, {})
  await eventually('the trip to be undone', async () => (await api(one).get(path)).phase === 'COMPENSATED')
  await one.id('saga-confirm').click()
  await one.page.locator('[role=alert][data-code=SAGA_CONFLICT]').waitFor()
  await one.page.unroute(shop.url + path)
  await one.id('saga-overtaken').waitFor()
  assert.ok(await one.id('saga-confirm').isDisabled())
  await one.page.keyboard.press('Escape')
  await phaseIs(one, 'COMPENSATED')
  assert.equal(await one.id('saga-retry').count(), 0)
  await one.context.close()
})

test('a machine is registered and started from its pages; loops and sub-machines can be looked into', async () => {
  const one = await operator(wide, '/admin/state-machines')
  const { page, id } = one
  await page.locator('[data-testid=machine-row][data-machine=order_create]').waitFor()
  await id('machine-new').click()
  await id('machine-json').fill(example('goods_out').replace('"Next": "AllThere"', '"Next": "Nowhere"'))
  await id('machine-register').click()
  await id('machine-error').first().waitFor()
  assert.match(await id('machine-error').first().textContent(), /SetAside/)
  await one.shoot('machine-refused')
  for (const name of ['goods_out_line', 'goods_out']) {
    if (!(await id('machine-json').isVisible())) await id('machine-new').click()
    await id('machine-file').setInputFiles({ name: `${name}.json`, mimeType: 'application/json', buffer: Buffer.from(example(name)) })
    await id('machine-register').click()
    await page.waitForURL(new RegExp(`/admin/state-machines/${name}$`))
    if (name === 'goods_out_line') await page.goto(`${shop.url}/admin/state-machines`)
  }
  await state(one, 'SetAside').waitFor()
  await one.shoot('machine')
  const { items } = await api(one).get('/api/products?size=3')
  await id('start-key').fill('spring-fair')
  await id('start-params').fill(JSON.stringify({ event: 'spring-fair', lines: items.map((product) => ({ productId: product.id, quantity: 1 })) }))
  await id('start-submit').click()
  await phaseIs(one, 'SUCCEEDED')
  assert.match(await edge(one, 'Anything', 'SetAside').getAttribute('class'), /taken/, 'the way through a choice is found')
  assert.match(await edge(one, 'HandOver', 'Done').getAttribute('class'), /taken/)
  await state(one, 'SetAside').click()
  assert.equal(await id('saga-step').count(), 3, 'one entry for each line')
  await step(one, 'SetAside-loop-1').locator('summary').click()
  await id('saga-child').locator('[data-testid=diagram-state][data-state=Pick][data-status=SU]').waitFor()
  await one.shoot('saga-loop')
  assert.equal(outside.count('warehouse/pick'), 3)
  assert.deepEqual(one.complaints.filter((text) => !/422/.test(text)), [], 'the browser had nothing to complain about')
  await one.context.close()
})

test('an order’s saga waits for the payment and moves while one looks', async () => {
  const one = await operator(wide, '/checkout')
  const { items } = await api(one).get('/api/products?size=1')
  const order = await one.context.request.post(`${shop.url}/api/orders`, {
    headers: { origin: shop.url, 'idempotency-key': 'console-order' },
    data: { items: [{ productId: items[0].id, quantity: 1 }] },
  })
  const { orderNo, payment } = await order.json()
  await one.page.goto(`${shop.url}/admin/sagas?orderNo=${orderNo}`)
  await one.id('saga-row').first().getByRole('link').click()
  await phaseIs(one, 'WAITING')
  await one.shoot('saga-order')
  const code = payment.url.split('/').pop()
  await one.context.request.post(`${shop.url}/sandbox/codes/${code}/approve`)
  await phaseIs(one, 'SUCCEEDED')
  assert.match(await edge(one, 'WaitForPayment', 'ConfirmStock').getAttribute('class'), /taken/)
  await one.shoot('saga-order-paid')
  await one.context.close()
})

test('shoppers get neither the console nor its code', async () => {
  const one = await visitor(browser, wide)
  const scripts = []
  one.page.on('response', (answer) => { if (/\.(js|css)$/.test(new URL(answer.url()).pathname)) scripts.push(answer) })
  await one.page.goto(`${shop.url}/admin/sagas`)
  await one.page.waitForURL(/\/login\?redirect=/)
  await one.id('login-email').fill('shopper@example.com')
  await one.id('login-submit').click()
  await one.page.waitForURL(`${shop.url}/admin/sagas`)
  await one.page.getByRole('heading', { name: 'ページが見つかりません' }).waitFor()
  await one.page.goto(shop.url)
  await one.id('product-card').first().waitFor()
  assert.equal(await one.id('admin-link').count(), 0)
  const texts = await Promise.all(scripts.map((answer) => answer.text().catch(() => '')))
  assert.ok(texts.some((text) => text !== ''))
  assert.ok(!texts.some((text) => /vue-flow|dagre/.test(text)), 'the graph library was not loaded')
  await one.context.close()
})
