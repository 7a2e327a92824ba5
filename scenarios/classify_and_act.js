export const meta = {
  name: 'classify-and-act',
  description: 'Sorts messages into kinds and lets another agent act on each kind',
  phases: [{ title: 'Classify' }, { title: 'Act' }],
}

const KIND = {
  type: 'object',
  properties: { kind: { enum: ['refund', 'bug', 'thanks'] } },
  required: ['kind'],
  additionalProperties: false,
}

const ORDERS = {
  refund: 'Write a refund offer for',
  bug: 'Write a bug report from',
}

const messages = ['I want my money back', 'it crashes when I save', 'you are great', 'it ate my file']

const acted = await pipeline(
  messages,
  (message, _, at) =>
    agent(`What kind of message is this? ${message}`, { label: `kind ${at + 1}`, phase: 'Classify', schema: KIND }),
  async ({ kind }, message, at) => {
    if (ORDERS[kind] === undefined) {
      return { message, kind, text: null }
    }
    const text = await agent(`${ORDERS[kind]} this message: ${message}`, { label: `${kind} ${at + 1}`, phase: 'Act' })
    return { message, kind, text }
  },
)
const kinds = {}
for (const entry of acted.filter((entry) => entry !== null)) {
  kinds[entry.kind] = (kinds[entry.kind] ?? 0) + 1
}
return { kinds, texts: acted.map((entry) => entry?.text ?? null) }
