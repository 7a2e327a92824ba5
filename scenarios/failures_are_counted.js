export const meta = {
  name: 'failures-are-counted',
  description: 'A task that throws and an agent that fails cost their own place, nothing else',
}

const results = await parallel([
  () => agent('Say one.', { label: 'one' }),
  () => agent('Say two.', { label: 'two' }),
  () => {
    throw new Error('the third task has no data')
  },
  async () => {
    const text = await agent('Say four.', { label: 'four' })
    return text.toUpperCase()
  },
  async () => undefined,
])
return { results, missing: results.filter((result) => result === null).length }
