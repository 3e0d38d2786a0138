import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { render } from './template.ts'

const VALUES = { url: 'http://a/b', repo: undefined }

test.each([
  ['{{ ks_options.url }} {{ks_options["url"]}}', 'http://a/b http://a/b'],
  ['a\n{% if ks_options.url %}\nb\n{% else %}\nc\n{% endif %}\nd\n', 'a\nb\nd\n'],
  ["{% if 'repo' in ks_options %}b{% else %}c{% endif %}", 'c'],
  ["{% if not ks_options.repo %}b{% endif %}{% if 'url' not in ks_options %}c{% endif %}", 'b'],
  ['{% if ks_options.repo %}{% if ks_options.url %}x{% else %}y{% endif %}{{ ks_options.repo }}{% endif %}z', 'z'],
  ['{# of {{ nobody }} #}a', 'a'],
  ['{%- if ks_options.repo -%}a{%- endif -%}b', 'b'],
  ['${#a} ${{b ${%c', '${#a} ${{b ${%c'],
  ['%packages\n@core\n%end\n$HOME {a} 100%', '%packages\n@core\n%end\n$HOME {a} 100%'],
])('%j is %j', (template, text) => expect(render(template, VALUES)).toBe(text))

test.each([
  ['a\n{{ ks_options.nothing }}', 'line 2: there is no nothing; there are repo, url'],
  ['{{ ks_options.repo }}', 'line 1: this instance has no repo'],
  ['{{ ks_options.url | upper }}', 'is not understood'],
  ['{{ ks_options.__class__.__mro__ }}', 'is not understood'],
  ['{{ constructor }}', 'is not understood'],
  ['{{ ks_options.constructor }}', 'there is no constructor'],
  ['{% for x in y %}', 'is not understood'],
  ['{% include "/etc/shadow" %}', 'is not understood'],
  ['{% endif %}', 'endif without if'],
  ['{% if ks_options.url %}', 'an if without endif'],
])('%j is refused', (template, why) => expect(() => render(template, VALUES)).toThrow(why))

test.each(['{{ X }}', '{% X %}', '{% if ks_options.X %}', '{{ ks_options.X }}'])(
  'what is refused in %j is repeated in short',
  (tag) => {
    const refused = () => render(tag.replace('X', 'x'.repeat(200_000)), VALUES)
    if (tag.includes('if')) expect(refused).toThrow('an if without endif')
    else expect(refused).toThrow(expect.toSatisfy(({ message }: Error) => message.length < 300))
  },
)

// A conductor does nothing else meanwhile, and would lose its lease.
test.each(['{{', '{%', '{##}', '{##}\n', '{%if ks_options.url%}', '{%if ks_options.repo%}', '{##}   '])(
  'a template of nothing but %j is rendered as soon as any other',
  (part) => {
    const template = part.repeat(Math.floor((256 * 1024) / part.length))
    // A limit that ends what would go on for long, however busy this host is.
    const rendered = () =>
      runInNewContext('run()', { run: () => render(template, VALUES) }, { timeout: 4_000 }) as string
    if (part.includes('if')) expect(rendered).toThrow('an if without endif')
    else expect(rendered().length).toBeLessThanOrEqual(template.length)
  },
)
