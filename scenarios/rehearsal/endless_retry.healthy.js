export const meta = {
  name: 'deploy-check',
  description: 'Asks until somebody has checked the deployment',
  phases: [{ title: 'Check' }],
}

const STATE = {
  type: 'object',
  properties: { healthy: { type: 'boolean' }, detail: { type: 'string' } },
  required: ['healthy', 'detail'],
  additionalProperties: false,
}
const TRIES = 3

phase('Check')
let state = null
let tries = 0
while (state === null && tries < TRIES) {
  tries += 1
  state = await agent('Is the staging deployment healthy? Look at its health page and its log.', {
    label: `check ${tries}`,
    schema: STATE,
  })
}
if (state === null) throw new Error(`nobody could check the deployment in ${tries} tries`)
log(`${state.healthy ? 'healthy' : 'ill'} after ${tries} tries`)
return { ...state, tries }
