export const meta = {
  name: 'triage-alerts',
  description: 'Reads alerts, and wakes somebody for the grave ones',
  phases: [{ title: 'Read' }, { title: 'Wake' }],
}

const ALERT = {
  type: 'object',
  properties: { severity: { enum: ['low', 'medium', 'high'] }, cause: { type: 'string' } },
  required: ['severity', 'cause'],
  additionalProperties: false,
}
const alerts = ['disk at 91 %', 'certificate ends tomorrow', 'no orders for an hour']

phase('Read')
const read = await parallel(alerts.map((alert, at) => () =>
  agent(`How grave is this alert, and what is its cause? ${alert}`, { label: `read ${at + 1}`, schema: ALERT })))
const unread = alerts.filter((_, at) => read[at] === null)
const grave = alerts.filter((_, at) => read[at] === null || read[at].severity === 'high')
log(`${grave.length} grave, ${unread.length} unread`)

phase('Wake')
if (grave.length === 0) return { woken: false, grave, unread }
const text = await agent(`Write a text message for the one on call:\n${grave.join('\n')}`, { label: 'message' })
return { woken: true, grave, unread, text: text ?? grave.join('; ') }
