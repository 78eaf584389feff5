// Compresses the built shop once, as hard as can be, so that no request has to wait for it.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const extensions = new Set(['.js', '.css', '.html', '.svg', '.json']);
/** Bytes. Below it a packet is a packet. */
const smallest = 1024;

const brotli = promisify(brotliCompress);
const deflate = promisify(gzip);

const files = (await readdir(dist, { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile() && extensions.has(extname(entry.name)))
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name));

const sizes = await Promise.all(files.map(compress));
const compressed = sizes.filter((size) => size !== undefined);
const sum = (pick) => Math.round(compressed.reduce((total, size) => total + pick(size), 0) / 1024);
process.stdout.write(
  `precompressed ${compressed.length} files: ${sum((size) => size.plain)} KiB, gzip ${sum((size) => size.gz)} KiB, brotli ${sum((size) => size.br)} KiB\n`,
);

async function compress(path) {
  const content = await readFile(path);
  if (content.length <= smallest) return undefined;
  const [br, gz] = await Promise.all([
    brotli(content, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 11,
        [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
        [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
      },
    }),
    deflate(content, { level: 9 }),
  ]);
  await Promise.all([writeFile(`${path}.br`, br), writeFile(`${path}.gz`, gz)]);
  return { plain: content.length, br: br.length, gz: gz.length };
}
