// Counts what differs in each pair of a folder, by pixelmatch 7 and 8, with each
// threshold, with and without anti-aliased pixels: a line of JSON a pair.
import { readFileSync } from 'node:fs'
import pixelmatch7 from 'pixelmatch'
import pixelmatch8 from 'pixelmatch-8'
import { PNG } from 'pngjs'

const [folder, pairs] = process.argv.slice(2)
const read = (name) => PNG.sync.read(readFileSync(`${folder}/${name}.png`))
for (let i = 0; i < Number(pairs); i++) {
  const a = read(`${i}-before`)
  const b = read(`${i}-now`)
  const counts = []
  for (const pixelmatch of [pixelmatch7, pixelmatch8]) {
    for (const threshold of [0.05, 0.1, 0.2]) {
      for (const includeAA of [false, true]) {
        counts.push(pixelmatch(a.data, b.data, null, a.width, a.height, { threshold, includeAA }))
      }
    }
  }
  console.log(JSON.stringify(counts))
}
