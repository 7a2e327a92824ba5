export const meta = {
  name: 'doubt-claims',
  description: 'Three skeptics vote on each claim; a majority refutes it',
  phases: [{ title: 'Doubt' }],
}

const VOTE = {
  type: 'object',
  properties: { real: { type: 'boolean' }, reason: { type: 'string' } },
  required: ['real', 'reason'],
  additionalProperties: false,
}
const claims = ['the cache is never cleared', 'two workers can take the same job']
const skeptics = ['Look for a proof.', 'Look for a counter example.', 'Run it.']

async function judge(claim, at) {
  const votes = await parallel(skeptics.map((stance, n) => () =>
    agent(`Claim: ${claim}. ${stance} Is it real?`, {
      label: `doubt ${at + 1}.${n + 1}`,
      phase: 'Doubt',
      schema: VOTE,
    })))
  const against = votes.filter((vote) => !vote?.real).length
  return { claim, verdict: against * 2 > votes.length ? 'refuted' : 'confirmed' }
}

phase('Doubt')
const judged = await parallel(claims.map((claim, at) => () => judge(claim, at)))
return { judged }
