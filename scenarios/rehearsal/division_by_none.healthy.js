export const meta = {
  name: 'rate-answers',
  description: 'Has support answers rated and gives the mean',
  phases: [{ title: 'Rate' }],
}

const RATING = {
  type: 'object',
  properties: { stars: { type: 'integer', minimum: 1, maximum: 5 }, reason: { type: 'string' } },
  required: ['stars', 'reason'],
  additionalProperties: false,
}
const answers = ['Have you tried turning it off?', 'See the manual, page 12.', 'We will send a new one today.']

phase('Rate')
const ratings = await parallel(answers.map((text, at) => () =>
  agent(`Rate this answer of a support desk with one to five stars: "${text}"`, {
    label: `rate ${at + 1}`,
    schema: RATING,
  })))
const given = ratings.filter((rating) => rating !== null)
log(`${given.length} of ${answers.length} answers were rated`)
const sum = given.reduce((total, rating) => total + rating.stars, 0)
const mean = given.length === 0 ? null : sum / given.length
return { mean, rated: given.length, reasons: given.map((rating) => rating.reason) }
