export const meta = {
  name: 'security-audit',
  description: 'Looks for holes, one agent for each area, and lists what was found',
  phases: [{ title: 'Audit' }],
}

const HOLES = {
  type: 'object',
  properties: {
    holes: {
      type: 'array',
      items: {
        type: 'object',
        properties: { file: { type: 'string' }, why: { type: 'string' } },
        required: ['file', 'why'],
        additionalProperties: false,
      },
    },
  },
  required: ['holes'],
  additionalProperties: false,
}
const areas = ['login and sessions', 'uploads', 'SQL and search', 'what is logged']

phase('Audit')
const looks = await parallel(areas.map((area) => () =>
  agent(`Look for security holes in: ${area}. None is a good answer.`, { label: `audit ${area}`, schema: HOLES })))
const holes = looks.filter(Boolean).flatMap((look) => look.holes)
return { safe: holes.length === 0, holes }
