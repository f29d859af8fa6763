import handlebars from 'handlebars';
import type { Templates } from '../model/resource.ts';

export type Render = (template: string, values?: Readonly<Record<string, unknown>>) => string;

/**
 * Renderer of the templates below units/. Each template is compiled once, on first use.
 * @throws Error for a template that is not there (listing those that are) and for a variable without a value.
 */
export function rendererOf(templates: Templates): Render {
  const compiled = new Map<string, handlebars.TemplateDelegate>();
  const compile = (name: string): handlebars.TemplateDelegate => {
    const text = templates[name];
    if (text === undefined) {
      throw new Error(`no template "${name}"; there are ${Object.keys(templates).sort().join(', ')}`);
    }
    // Files of daemons are no HTML, and a silently empty variable would be a wrong flag.
    return handlebars.compile(text, { strict: true, noEscape: true });
  };
  return (name, values = {}) => {
    const template = compiled.get(name) ?? compile(name);
    compiled.set(name, template);
    try {
      return template(values);
    } catch (cause) {
      throw new Error(`units/${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  };
}
