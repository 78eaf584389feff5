// A shop in a process of its own, with its data in a temporary folder.
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

/** Waits until `look` brings something true. */
export async function eventually(what, look, patienceMs = 60_000) {
  const giveUp = Date.now() + patienceMs
  for (;;) {
    const seen = await look().catch(() => undefined)
    if (seen) return seen
    if (Date.now() > giveUp) throw new Error(`gave up waiting for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** @param variables by their names in spin.toml */
export async function startShop(variables = {}) {
  const data = mkdtempSync(join(tmpdir(), 'kessai-browser-'))
  const [port, sandbox] = [await freePort(), await freePort()]
  const log = openSync(join(data, 'shop.log'), 'a')
  const binary = process.env.KESSAI ?? join(root, 'target/debug/kessai')
  const flags = ['up', '--listen', `127.0.0.1:${port}`, '--sandbox-listen', `127.0.0.1:${sandbox}`, '--data', data]
  const named = Object.entries(variables).map(([name, value]) => [`SPIN_VARIABLE_${name.toUpperCase()}`, value])
  const env = { ...process.env, ...Object.fromEntries(named) }
  const child = spawn(binary, flags, { cwd: root, env, stdio: ['ignore', log, log] })
  const url = `http://127.0.0.1:${port}`
  const logText = () => readFileSync(join(data, 'shop.log'), 'utf8')
  try {
    await eventually('the shop to be ready', async () => {
      if (child.exitCode !== null) throw new Error('the shop ended')
      return (await fetch(`${url}/health/ready`)).ok
    })
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`${error.message}\n${logText()}`)
  }
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    const code = await ended
    rmSync(data, { recursive: true, force: true })
    return code
  }
  return { url, data, logText, stop }
}
