export const meta = {
  name: 'chapter',
  description: 'Writes one chapter from a few points',
  phases: [{ title: 'Points' }],
}

const { chapter, points } = args
phase('Points')
const found = await parallel(Array.from({ length: points }, (_, at) => () =>
  agent(`Point ${at + 1} about ${chapter}`, { label: `${chapter}: point ${at + 1}` })))
const useful = found.filter((point) => point !== null)
log(`${useful.length} points`)
const text = await agent(`Write the chapter on ${chapter} from: ${useful.join(', ')}`, { label: `${chapter}: chapter` })
return { text, points: useful.length }
