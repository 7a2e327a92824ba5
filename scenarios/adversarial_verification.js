export const meta = {
  name: 'adversarial-verification',
  description: 'Two skeptics for each claim, a third one where they differ',
  phases: [{ title: 'Doubt', detail: 'two skeptics, then one more if needed' }],
}

const VOTE = {
  type: 'object',
  properties: { holds: { type: 'boolean' } },
  required: ['holds'],
  additionalProperties: false,
}

const claims = ['the cache is never emptied', 'the lock is taken twice', 'the port is read as text', 'the log is lost']

function ask(claim, number, voter) {
  return agent(`Skeptic ${voter}: try to refute claim ${number}: ${claim}.`, {
    label: `claim ${number}, skeptic ${voter}`,
    schema: VOTE,
  })
}

async function judge(claim, _, at) {
  const votes = await parallel([1, 2].map((voter) => () => ask(claim, at + 1, voter)))
  const cast = votes.filter((vote) => vote !== null)
  if (cast.length > 1 && cast[0].holds === cast[1].holds) {
    return { claim, verdict: cast[0].holds ? 'confirmed' : 'refuted', votes: 2 }
  }
  const third = await ask(claim, at + 1, 3)
  const all = third === null ? cast : [...cast, third]
  const holds = all.filter((vote) => vote.holds).length
  const verdict = all.length < 2 ? 'unverified' : holds * 2 === all.length ? 'contested' : holds * 2 > all.length
  return { claim, verdict: verdict === true ? 'confirmed' : verdict === false ? 'refuted' : verdict, votes: all.length }
}

phase('Doubt')
return await pipeline(claims, judge)
