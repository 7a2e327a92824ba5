export const meta = {
  name: 'gate',
  description: 'Approves a release when every reviewer that answered says yes',
  phases: [{ title: 'Vote' }],
}

const VOTE = {
  type: 'object',
  properties: { approve: { type: 'boolean' } },
  required: ['approve'],
  additionalProperties: false,
}
const reviewers = ['tests', 'migrations', 'documentation']

phase('Vote')
const votes = await parallel(reviewers.map((about) => () =>
  agent(`Look at the ${about} of this release. May it go out?`, { label: `vote ${about}`, schema: VOTE })))
const cast = votes.filter(Boolean)
const approved = cast.every((vote) => vote.approve)
return { approved }
