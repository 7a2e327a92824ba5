export const meta = {
  name: 'model-routing',
  description: 'Keeps a small model\'s answer only if it says the same three times, else asks a large one',
  phases: [{ title: 'Small', model: 'haiku' }, { title: 'Large', model: 'opus' }],
}

const ANSWER = {
  type: 'object',
  properties: { answer: { type: 'string' } },
  required: ['answer'],
  additionalProperties: false,
}

const questions = ['capital of France', 'boiling point of water at 2 km', 'year of the first tram here']

async function route(question, _, at) {
  const samples = await parallel([1, 2, 3].map((sample) => () =>
    agent(`Look ${sample}. ${question}?`, {
      label: `small ${at + 1}.${sample}`,
      phase: 'Small',
      model: 'haiku',
      effort: 'low',
      schema: ANSWER,
    })))
  const said = new Set(samples.map((sample) => sample?.answer.trim().toLowerCase() ?? null))
  if (said.size === 1 && !said.has(null)) {
    return { question, answer: samples[0].answer, model: 'small' }
  }
  const strong = await agent(`${question}?`, {
    label: `large ${at + 1}`,
    phase: 'Large',
    model: 'opus',
    effort: 'high',
    schema: ANSWER,
  })
  return { question, answer: strong?.answer ?? null, model: 'large' }
}

const routed = await pipeline(questions, route)
const large = routed.filter((entry) => entry?.model === 'large').length
log(`${large} of ${questions.length} went to the large model`)
return routed
