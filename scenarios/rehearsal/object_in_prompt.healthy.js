export const meta = {
  name: 'answer-tickets',
  description: 'Sorts tickets and drafts an answer to each',
  phases: [{ title: 'Sort' }, { title: 'Draft' }],
}

const TICKET = {
  type: 'object',
  properties: { topic: { type: 'string' }, angry: { type: 'boolean' } },
  required: ['topic', 'angry'],
  additionalProperties: false,
}
const tickets = ['My invoice is wrong, again!', 'How do I add a user?']

const drafts = await pipeline(
  tickets,
  (ticket, _, at) => agent(`Which topic, and is the writer angry? ${ticket}`, {
    label: `sort ${at + 1}`,
    phase: 'Sort',
    schema: TICKET,
  }),
  (sorted, ticket, at) =>
    agent(`Draft an answer to "${ticket}". Topic: ${sorted.topic}. ${sorted.angry ? 'Be very kind.' : ''}`, {
      label: `draft ${at + 1}`,
      phase: 'Draft',
    }),
)
const open = tickets.filter((_, at) => drafts[at] === null)
if (open.length > 0) log(`${open.length} tickets have no draft`)
return { drafts: drafts.filter((draft) => draft !== null), open }
