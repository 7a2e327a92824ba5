export const meta = {
  name: 'polish-text',
  description: 'An editor and a critic take turns until the critic is content',
  phases: [{ title: 'Polish' }],
}

const CRITIQUE = {
  type: 'object',
  properties: { content: { type: 'boolean' }, wishes: { type: 'string' } },
  required: ['content', 'wishes'],
  additionalProperties: false,
}

phase('Polish')
let text = typeof args === 'string' ? args : 'Our shop sells bread. It is good bread.'
let critique = null
let content = false
for (let round = 1; !content; round += 1) {
  critique = await agent(`Criticise this text: ${text}`, { label: `critic ${round}`, schema: CRITIQUE })
  content = critique !== null && critique.content
  if (critique === null) log(`round ${round}: no critique`)
  if (content || critique === null) continue
  const edited = await agent(`Change this text: ${critique.wishes}\n\n${text}`, { label: `editor ${round}` })
  if (edited === null) log(`round ${round}: the editor failed`)
  text = edited ?? text
}
return { text, content }
