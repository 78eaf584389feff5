// An operator in the console of a shop that runs already, with one alert of each of the rules A to D: `node alerts.mjs http://… '{"A":"K…",…}'`.
// The scenario of these rules on Kafka (tests/tests/production/on_servers/alerts.rs) calls it. Screenshots go to target/screenshots/.
import assert from 'node:assert/strict'
import { launch, phone, visitor, wide } from './visitor.mjs'

const [shop, told] = process.argv.slice(2)
/** Order numbers by rule. */
const orders = JSON.parse(told)
const browser = await launch()

async function operator(viewport) {
  const one = await visitor(browser, viewport)
  await one.page.goto(`${shop}/admin/alerts`)
  await one.id('login-email').fill(`guard-${viewport.width}@example.com`)
  await one.id('login-admin').check()
  await one.id('login-submit').click()
  await one.id('alert-row').first().waitFor()
  return one
}

/** Which alerts the list has, by rule, and how many in each status. */
async function seen({ page, id }) {
  const rows = await id('alert-row').evaluateAll((all) =>
    all.map((row) => [row.dataset.rule, { severity: row.dataset.severity, order: row.querySelector(globalThis.innerWidth < 860 ? '.alerts__narrow' : '.row__order')?.textContent, status: row.querySelector('.badge')?.dataset.status }]))
  const chip = async (status) => Number(await page.locator(`[data-testid=status-chip][data-status=${status}] b`).textContent())
  return { rows: Object.fromEntries(rows), counts: { ALL: await chip('ALL'), NEW: await chip('NEW'), ACKNOWLEDGED: await chip('ACKNOWLEDGED'), RESOLVED: await chip('RESOLVED') } }
}

/** From the list to one alert. */
async function open({ page, id }, rule) {
  await page.locator(`[data-testid=alert-row][data-rule=${rule}] .row__link`).click()
  await id('alert-status').waitFor()
  assert.match(await page.locator('h1').textContent(), new RegExp(`^${rule}: .+`), 'the rule has words')
  assert.ok((await page.textContent('main')).includes(orders[rule]), 'the order is named')
}

async function act({ page, id }, action, note, status) {
  await id('alert-note').fill(note)
  await id(`alert-${action}`).click()
  await page.locator(`[data-testid=alert-status][data-status=${status}]`).waitFor()
  const entry = page.locator(`[data-testid=audit-entry][data-action=${action.toUpperCase()}]`)
  assert.ok((await entry.textContent()).includes(note), 'the audit has the note')
}

async function nothingSticksOut({ page }, viewport) {
  const width = await page.evaluate(() => document.documentElement.scrollWidth)
  assert.ok(width <= viewport.width, `nothing sticks out: ${width} of ${viewport.width}`)
}

/** A fresh list: what was just done may not be in the one on the screen yet. */
async function list({ page, id }) {
  await page.goto(`${shop}/admin/alerts`)
  await id('alert-row').first().waitFor()
}

try {
  const desk = await operator(wide)
  const all = (status = {}) => Object.fromEntries(Object.entries(orders).map(([rule, order]) => [rule, { severity: 'CRITICAL', order, status: status[rule] ?? 'NEW' }]))
  assert.deepEqual(await seen(desk), { rows: all(), counts: { ALL: 4, NEW: 4, ACKNOWLEDGED: 0, RESOLVED: 0 } })
  await desk.shoot('alerts')
  await nothingSticksOut(desk, wide)

  await open(desk, 'D')
  await desk.shoot('alert-new')
  await act(desk, 'acknowledge', '返金を確認中', 'ACKNOWLEDGED')
  await desk.shoot('alert-acknowledged')
  await nothingSticksOut(desk, wide)
  await desk.id('alert-payment').click()
  await desk.page.waitForURL(new RegExp(`/admin/payments/${orders.D}$`))
  await desk.page.locator('[data-testid=payment-attempt]').nth(1).waitFor()
  await list(desk)
  await open(desk, 'B')
  await act(desk, 'resolve', 'PayPay の記録を確認しました', 'RESOLVED')

  const hand = await operator(phone)
  const known = { D: 'ACKNOWLEDGED', B: 'RESOLVED' }
  assert.deepEqual(await seen(hand), { rows: all(known), counts: { ALL: 4, NEW: 2, ACKNOWLEDGED: 1, RESOLVED: 1 } })
  await hand.shoot('alerts')
  await nothingSticksOut(hand, phone)
  await open(hand, 'A')
  await hand.shoot('alert-new')
  await act(hand, 'acknowledge', '在庫を復旧します', 'ACKNOWLEDGED')
  await hand.shoot('alert-acknowledged')
  await act(hand, 'resolve', '復旧しました', 'RESOLVED')
  await hand.shoot('alert-resolved')
  await nothingSticksOut(hand, phone)
  await hand.id('alert-saga').click()
  await hand.page.waitForURL(new RegExp(`/admin/sagas/${orders.A}$`))
  await hand.page.getByText(orders.A).first().waitFor()

  await list(desk)
  assert.deepEqual((await seen(desk)).counts, { ALL: 4, NEW: 1, ACKNOWLEDGED: 1, RESOLVED: 2 })
  await desk.shoot('alerts-settled')
  await desk.page.locator('[data-testid=status-chip][data-status=NEW]').click()
  await desk.page.waitForURL(/status=NEW/)
  await desk.page.locator('[data-testid=alert-row][data-rule=D]').waitFor({ state: 'detached' })
  assert.deepEqual(Object.keys((await seen(desk)).rows), ['C'])
  assert.deepEqual([...desk.complaints, ...hand.complaints], [], 'the browsers had nothing to complain about')
} finally {
  await browser.close()
}
