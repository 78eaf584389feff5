// A visitor's browser, and where its pictures go.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { root } from './kessai.mjs'

export const screenshots = join(root, 'target/screenshots')
export const wide = { width: 1280, height: 900 }
export const phone = { width: 390, height: 844 }

export async function launch() {
  mkdirSync(screenshots, { recursive: true })
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
  })
}

/** A browser of one's own: no cookies, no cart. */
export async function visitor(browser, viewport) {
  const context = await browser.newContext({ viewport, locale: 'ja-JP', deviceScaleFactor: 1 })
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  const complaints = []
  page.on('console', (message) => { if (message.type() === 'error') complaints.push(message.text()) })
  page.on('pageerror', (error) => complaints.push(String(error)))
  const id = (name) => page.getByTestId(name)
  const shoot = (name, fullPage = true) => page.screenshot({ path: join(screenshots, `${name}-${viewport.width}.png`), fullPage })
  return { context, page, id, shoot, complaints }
}
