// A script with a little of everything.
import lib, { a as b } from './lib.js'
import type { Never } from './none.js'
export const meta = {
  name: 'healthy', description: `all kinds of syntax`, phases: [{ title: 'Find' }], n: [-1, 2.5, null, true],
}
type Finding = { claim: string, 'real'?: boolean }
interface Verdict extends Object { why(): string }
const schema = { type: 'object', properties: { items: { type: 'array', maxItems: 5 } } } as const
abstract class Base<T> {
  private readonly items: T[] = []
  static count?: number
  abstract size(): number
  add(item: T): this { this.items.push(item!); return this }
}
class Bag extends Base<string> implements Verdict {
  #secret = 1
  size(): number { return this.#secret }
  why() { return `${this.size()} ${`nested ${1 + 1}`}` }
  static { Bag.count = 0 }
}
function* walk(n: number): Generator<number> { for (let i = 0; i < n; i++) yield i }
label: for (const x of walk(3)) { if (x > 1) break label; else continue label }
const { x = 1, ...rest }: Record<string, any> = args ?? {}
phase('Find')
const found = (await parallel(['é', '漢', '𝒳'].map((lens: string) => async () => {
  const answer = await agent(`Look through ${lens}`, { label: `l:${lens}`, schema, effort: 'low' })
  return answer?.items ?? []
}))).filter(Boolean).flat() as Finding[]
const done = await pipeline(found, f => agent(f.claim), (p, f, i) => ({ ...f, p, i }))
switch (done.length) { case 0: log('none'); break; default: log(/[/"'(]+\/x/.test('y') ? 1 / 2 : x ** 2) }
try { await workflow('other', { b }) } catch ({ message }) { console.warn(message) } finally { log(rest) }
const late = new Promise<void>(ok => setTimeout(ok, 1000))
if (budget.total !== null && budget.remaining() < 10) throw new Error('no')
await Promise.race([late, agent('quick')])
return { done, why: new Bag().add('a').why(), lib, more: done?.[0]?.claim, big: 10n ** 20n }
