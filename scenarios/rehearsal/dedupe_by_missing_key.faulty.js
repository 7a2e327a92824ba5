export const meta = {
  name: 'merge-findings',
  description: 'Several reviewers look at one change; doubles are merged',
  phases: [{ title: 'Review' }],
}

const FINDINGS = {
  type: 'object',
  properties: {
    findings: {
      type: 'array',
      items: {
        type: 'object',
        properties: { file: { type: 'string' }, line: { type: 'integer' }, title: { type: 'string' } },
        required: ['file', 'line', 'title'],
        additionalProperties: false,
      },
    },
  },
  required: ['findings'],
  additionalProperties: false,
}
const views = ['correctness', 'speed', 'security']

phase('Review')
const reviews = await parallel(views.map((view) => () =>
  agent(`Review the staged change for ${view}.`, { label: `review ${view}`, schema: FINDINGS })))
const silent = views.filter((_, at) => reviews[at] === null)
const all = reviews.filter((review) => review !== null).flatMap((review) => review.findings)
const unique = [...new Map(all.map((finding) => [finding.id, finding])).values()]
log(`${all.length} findings, ${unique.length} different ones; silent: ${silent.join(', ') || 'nobody'}`)
return { findings: unique, silent }
