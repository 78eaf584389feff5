// Runs the browser tests (all, or `node run.mjs sagas`) one after the other and writes {passed, failed} to $REPORT.
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const counts = { passed: 0, failed: 0 }
const names = process.argv.length > 2 ? process.argv.slice(2) : ['shop', 'sagas', 'payments']
const files = names.map((name) => fileURLToPath(new URL(`./${name}.test.mjs`, import.meta.url)))
const stream = run({ files, concurrency: false })
// A file counts as a test of its own; only what is inside it is counted.
stream.on('test:pass', (test) => { if (!test.file || test.name !== test.file) counts.passed += test.details?.type === 'suite' ? 0 : 1 })
stream.on('test:fail', () => { counts.failed += 1 })
stream.compose(spec()).pipe(process.stdout)
stream.on('end', () => {
  if (process.env.REPORT) writeFileSync(process.env.REPORT, JSON.stringify(counts))
  process.exitCode = counts.failed > 0 ? 1 : 0
})
