// Services outside the shop that sagas call by HTTP: each takes what it is sent, once for each key, until it is told to refuse.
import { createServer } from 'node:http'

export async function openOutside() {
  /** Paths like `warehouse/pick`, and how they refuse. */
  const refusals = new Map()
  const done = new Map()
  const server = createServer((request, answer) => {
    const path = request.url.slice(1)
    request.resume()
    request.on('end', () => {
      const refusal = refusals.get(path)
      if (refusal === undefined) done.set(request.headers['idempotency-key'], path)
      answer.writeHead(refusal?.status ?? 200, { 'content-type': 'application/json' })
      answer.end(JSON.stringify(refusal?.body ?? { shelf: 'A-1', token: 'not to be shown' }))
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    refuse: (path, status, code, detail) => refusals.set(path, { status, body: { code, detail } }),
    accept: (path) => refusals.delete(path),
    /** How often something was really done. */
    count: (path) => [...done.values()].filter((one) => one === path).length,
    close: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections() }),
  }
}
