export const meta = {
  name: 'generate-and-filter',
  description: 'Several agents propose, doubles are dropped, a judge scores, the best stay',
  phases: [{ title: 'Propose' }, { title: 'Judge' }],
}

const NAMES = {
  type: 'object',
  properties: { names: { type: 'array', items: { type: 'string' } } },
  required: ['names'],
  additionalProperties: false,
}
const SCORE = {
  type: 'object',
  properties: { score: { type: 'integer' } },
  required: ['score'],
  additionalProperties: false,
}

phase('Propose')
const styles = ['plain', 'playful', 'grave']
const lists = await parallel(styles.map((style) => () =>
  agent(`Propose ${style} names for a night bus.`, { label: `propose ${style}`, schema: NAMES })))
const proposed = lists.filter((list) => list !== null).flatMap((list) => list.names.slice(0, 4))
const names = [...new Map(proposed.map((name) => [name.toLowerCase(), name])).values()].slice(0, 8)

phase('Judge')
const scores = await parallel(names.map((name) => () =>
  agent(`From 0 to 10, how good is this name for a night bus: ${name}?`, { label: `judge ${name}`, schema: SCORE })))
const scored = names.map((name, at) => ({ name, score: scores[at]?.score ?? null }))
const best = scored.filter((entry) => entry.score !== null).sort((a, b) => b.score - a.score)
return {
  best: best.slice(0, 3),
  proposed: proposed.length,
  doubles: proposed.length - names.length,
  unjudged: scored.filter((entry) => entry.score === null).map((entry) => entry.name),
}
