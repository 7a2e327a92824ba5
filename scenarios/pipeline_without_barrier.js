export const meta = {
  name: 'pipeline-without-barrier',
  description: 'A quick item passes all stages while a slow one is still in its first',
  phases: [{ title: 'Stage 1' }, { title: 'Stage 2' }],
}

const order = []
const items = ['slow', 'quick', 'dropped']
const results = await pipeline(
  items,
  async (item) => {
    const text = await agent(`First look at ${item}.`, { label: `first ${item}`, phase: 'Stage 1' })
    order.push(`first ${item}`)
    return text
  },
  async (text, item, index) => {
    const more = await agent(`Second look at ${item}, after: ${text}`, { label: `second ${item}`, phase: 'Stage 2' })
    order.push(`second ${item}`)
    return `${index}: ${more}`
  },
)
return { results, order: order.filter((entry) => !entry.includes('dropped')) }
