export const meta = {
  name: 'compare-plans',
  description: 'Writes two plans and says which one is better',
  phases: [{ title: 'Plan' }, { title: 'Judge' }],
}

const CHOICE = {
  type: 'object',
  properties: { better: { enum: ['A', 'B'] }, reason: { type: 'string' } },
  required: ['better', 'reason'],
  additionalProperties: false,
}

phase('Plan')
const [a, b] = await parallel([
  () => agent('Plan the move to the new database with one night of downtime.', { label: 'plan A' }),
  () => agent('Plan the move to the new database without downtime.', { label: 'plan B' }),
])
if (a === null || b === null) throw new Error('a plan is missing')

phase('Judge')
const choice = await agent(`Which plan is better?\nA: ${a}\nB: ${b}`, { label: 'judge', schema: CHOICE })
if (choice === null) log('nobody judged the plans')
return { plans: { a, b }, choice }
