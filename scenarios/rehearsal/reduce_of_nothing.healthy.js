export const meta = {
  name: 'pick-candidate',
  description: 'Collects designs, has each one scored, and takes the best',
  phases: [{ title: 'Design' }, { title: 'Score' }],
}

const DESIGNS = {
  type: 'object',
  properties: { designs: { type: 'array', items: { type: 'string' } } },
  required: ['designs'],
  additionalProperties: false,
}
const SCORE = {
  type: 'object',
  properties: { score: { type: 'integer', minimum: 0, maximum: 100 } },
  required: ['score'],
  additionalProperties: false,
}

phase('Design')
const answer = await agent('Propose designs for the cache, each in one sentence.', {
  label: 'design',
  schema: DESIGNS,
})
if (answer === null) throw new Error('no designs')
const designs = answer.designs.slice(0, 6)

phase('Score')
const scores = await parallel(designs.map((design, at) => () =>
  agent(`Score this design of a cache from 0 to 100: ${design}`, { label: `score ${at + 1}`, schema: SCORE })))
const scored = designs.map((design, at) => ({ design, score: scores[at]?.score ?? null }))
const known = scored.filter((entry) => entry.score !== null)
log(`${known.length} of ${designs.length} designs were scored`)
if (known.length === 0) return { best: null, scored }
const best = known.reduce((a, b) => (b.score > a.score ? b : a))
return { best, scored }
