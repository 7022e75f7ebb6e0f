import { answerRequest } from '../../src/plan/user-code/answer-request.js';
import { findModule } from '../../src/plan/user-code/find-module.js';
import { readDeclaration, readPlanAnswer } from '../../src/plan/user-code/read-answer.js';
import type { UserCode } from '../../src/plan/user-code/user-code.js';

/** Has code of users asked as a thread would, questions and answers as data, but in this thread. */
export const askedHere: UserCode = {
  find: findModule,
  declare: async (ref) => readDeclaration(await answerRequest(structuredClone(ref))),
  plan: async (request) => readPlanAnswer(await answerRequest(structuredClone(request))),
};
