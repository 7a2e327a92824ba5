export const meta = {
  name: 'tournament',
  description: 'Pairs meet until one is left; who has no opponent goes on',
  phases: [{ title: 'Round 1' }, { title: 'Round 2' }, { title: 'Round 3' }],
}

const WINNER = {
  type: 'object',
  properties: { winner: { enum: ['A', 'B'] } },
  required: ['winner'],
  additionalProperties: false,
}

async function meet(a, b, label) {
  const answer = await agent(`Which opening sentence is better?\nA: ${a}\nB: ${b}`, { label, schema: WINNER })
  // Without an answer the one with the better place goes on.
  return answer?.winner === 'B' ? b : a
}

let field = ['It rained.', 'The bell rang twice.', 'Nobody came.', 'Salt was dear.', 'She waited.', 'Once, in May.']
const played = []
for (let round = 1; field.length > 1; round += 1) {
  phase(`Round ${round}`)
  const pairs = Array.from({ length: Math.ceil(field.length / 2) }, (_, at) => field.slice(at * 2, at * 2 + 2))
  const next = await parallel(pairs.map(([a, b], at) => () =>
    b === undefined ? a : meet(a, b, `round ${round}, pair ${at + 1}`)))
  played.push(pairs.filter((pair) => pair.length === 2).length)
  field = next.filter((entry) => entry !== null)
}
return { winner: field[0], played }
