export const meta = {
  name: 'port-components',
  description: 'Ports components, reviews each port, and writes a changelog line for each',
  phases: [{ title: 'Port' }, { title: 'Review' }],
}

const PORT = {
  type: 'object',
  properties: { summary: { type: 'string' }, complete: { type: 'boolean' } },
  required: ['summary', 'complete'],
  additionalProperties: false,
}
const components = ['Button', 'Dialog', 'Table']

const reviews = await pipeline(
  components,
  (component) =>
    agent(`Port ${component} to the new design system.`, { label: `port ${component}`, phase: 'Port', schema: PORT }),
  async (port, component, index) => {
    const text = await agent(`Review the port of ${component}, number ${index + 1}: ${port.summary}`, {
      label: `review ${component}`,
      phase: 'Review',
    })
    if (text === null) log(`the port of ${component} was not reviewed`)
    return { component, complete: port.complete, text }
  },
)
const left = components.filter((_, at) => reviews[at] === null)
if (left.length > 0) log(`not ported: ${left.join(', ')}`)
return { reviews: reviews.filter((review) => review !== null), left }
