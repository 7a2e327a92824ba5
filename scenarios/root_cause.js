export const meta = {
  name: 'root-cause',
  description: 'Collects hypotheses, tests each against the evidence, and asks for the chain of the survivor',
  phases: [{ title: 'Suppose' }, { title: 'Test' }, { title: 'Explain' }],
}

const HYPOTHESES = {
  type: 'object',
  properties: { hypotheses: { type: 'array', items: { type: 'string' } } },
  required: ['hypotheses'],
  additionalProperties: false,
}
const FIT = {
  type: 'object',
  properties: { fits: { type: 'boolean' } },
  required: ['fits'],
  additionalProperties: false,
}

const evidence = ['only at night', 'after the last update', 'not on small machines']

phase('Suppose')
const sources = ['the log', 'the changes', 'the machines']
const lists = await parallel(sources.map((source) => () =>
  agent(`From ${source} alone: why do orders vanish?`, { label: `suppose from ${source}`, schema: HYPOTHESES })))
const hypotheses = [...new Set(lists.flatMap((list) => list?.hypotheses.slice(0, 3) ?? []))].slice(0, 5)

phase('Test')
const tested = await parallel(hypotheses.map((hypothesis, at) => async () => {
  for (const [index, fact] of evidence.entries()) {
    const answer = await agent(`Can it be "${hypothesis}" if it happens ${fact}?`, {
      label: `test ${at + 1}.${index + 1}`,
      schema: FIT,
    })
    if (answer === null || !answer.fits) {
      return { hypothesis, fell: answer === null ? 'untested' : fact }
    }
  }
  return { hypothesis, fell: null }
}))
const standing = tested.filter((entry) => entry !== null && entry.fell === null)
const fell = tested.filter((entry) => entry !== null && entry.fell !== null)

phase('Explain')
const cause = standing.length === 1 ? standing[0].hypothesis : null
const chain = cause && (await agent(`Explain step by step how "${cause}" makes orders vanish.`, { label: 'explain' }))
return { cause, chain, fell }
