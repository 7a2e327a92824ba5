export const meta = {
  name: 'check-transitions',
  description: 'Checks that each step of a guide leads into the next one',
  phases: [{ title: 'Check' }],
}

const GAP = {
  type: 'object',
  properties: { gap: { type: 'boolean' }, what: { type: 'string' } },
  required: ['gap', 'what'],
  additionalProperties: false,
}
const steps = ['Install the program', 'Create a project', 'Write a first test', 'Publish it']

phase('Check')
const checks = []
for (let at = 0; at < steps.length - 1; at += 1) {
  const answer = await agent(`Does "${steps[at]}" lead into "${steps[at + 1]}", or is something missing between?`, {
    label: `step ${at + 1}`,
    schema: GAP,
  })
  if (answer === null) log(`step ${at + 1} was not checked`)
  checks.push({ step: at + 1, gap: answer?.gap ?? 'unknown', what: answer?.what ?? '' })
}
return { gaps: checks.filter((check) => check.gap !== false) }
