// What a process of this folder is told by its environment.

import { UserError } from '../errors.ts';

export function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new UserError(`${name} is not set in the environment`);
  return value;
}
