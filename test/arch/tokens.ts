// TypeScript source cut into tokens, just finely enough for the import and sans-IO rules: comments are gone,
// strings, templates and regular expressions are single tokens, everything else is a word or a sign. What
// stands inside ${} of a template is cut like other source.

export interface Token {
  readonly kind: 'word' | 'string' | 'template' | 'regexp' | 'sign';
  /** Of a string: what is between the quotes. */
  readonly text: string;
  readonly line: number;
}

const BLANK = /[\s]+|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y;
const WORD = /[#\p{ID_Start}$_0-9][\p{ID_Continue}$\u200c\u200d]*/uy;
const STRING = /'((?:[^'\\\n]|\\[\s\S])*)'|"((?:[^"\\\n]|\\[\s\S])*)"/y;
const REGEXP = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const TEMPLATE_PART = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/y;
const SIGN = /\?\.(?!\d)|\.\.\.|=>|[\s\S]/y;

/** After one of these words a slash begins a regular expression, after any other it divides. */
const BEFORE_EXPRESSION = new Set([
  'return',
  'typeof',
  'case',
  'in',
  'of',
  'void',
  'throw',
  'new',
  'delete',
  'yield',
  'await',
  'else',
  'do',
]);

export function tokensOf(source: string): Token[] {
  return new Scanner(source).run();
}

class Scanner {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  /** Depth of braces at which a template goes on, innermost last. */
  readonly #templates: number[] = [];
  #at = 0;
  #line = 1;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  run(): Token[] {
    while (this.#at < this.#source.length) this.#step();
    return this.#tokens;
  }

  /** Each branch takes at least one character: SIGN matches anything. */
  #step(): void {
    if (this.#take(BLANK) !== undefined) return;
    const string = this.#take(STRING);
    const word = string === undefined ? this.#take(WORD) : undefined;
    const regexp = this.#slashBeginsRegexp(string ?? word) ? this.#take(REGEXP) : undefined;
    if (string !== undefined) this.#push('string', string[1] ?? string[2] ?? '');
    else if (word !== undefined) this.#push('word', word[0]);
    else if (regexp !== undefined) this.#push('regexp', regexp[0]);
    else this.#sign(this.#take(SIGN)?.[0] ?? '');
  }

  #sign(sign: string): void {
    if (sign === '{') this.#depth += 1;
    if (sign === '}') this.#depth -= 1;
    const resumes = sign === '}' && this.#templates.at(-1) === this.#depth;
    if (resumes) this.#templates.pop();
    if (resumes || sign === '`') this.#template();
    else this.#push('sign', sign);
  }

  /** From behind a backquote, or behind the brace that ends a ${}, to the next ${ or the closing backquote. */
  #template(): void {
    this.#push('template', (this.#take(TEMPLATE_PART) ?? [''])[0]);
    if (this.#source.startsWith('${', this.#at)) {
      this.#at += 2;
      this.#templates.push(this.#depth);
      this.#depth += 1;
    } else this.#at += 1;
  }

  #slashBeginsRegexp(taken: RegExpExecArray | undefined): boolean {
    if (taken !== undefined || this.#source[this.#at] !== '/') return false;
    const before = this.#tokens.at(-1);
    if (before === undefined) return true;
    if (before.kind === 'word') return BEFORE_EXPRESSION.has(before.text);
    return before.kind === 'sign' && !/^[)\]}]$/.test(before.text);
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#source);
    if (match === null) return undefined;
    this.#at += match[0].length;
    this.#line += match[0].split('\n').length - 1;
    return match;
  }

  #push(kind: Token['kind'], text: string): void {
    this.#tokens.push({ kind, text, line: this.#line });
  }
}
