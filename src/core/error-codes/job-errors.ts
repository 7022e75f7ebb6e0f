import type { ErrorTexts } from './error-text.js';

/** What becomes of jobs, of their threads, and of the code that runs in them. */
export const JOB_ERRORS = {
  JOB_UNKNOWN: {
    meaning: 'The runtime has no job with that id or name.',
    cause: 'A misspelt name, or a job that ended long ago: the last thousand ended jobs are kept.',
    remedy: 'Look it up with `list()`, or keep the handle that `submit` returns.',
    retryable: 'no',
  },
  JOB_NAME_TAKEN: {
    meaning: 'A job of that name has not ended yet.',
    cause: 'The same spec was submitted twice, or two specs have one name.',
    remedy: 'Give each job a name of its own, or wait for the end of the first.',
    retryable: 'no',
  },
  JOB_STATE: {
    meaning: 'A job or a pipeline cannot do what was asked in the state that it is in.',
    cause:
      'A pause or resume of a job that drains or has ended, a `delete` of one that has not, a checkpoint of a pipeline that has ended, or a second `run()` of one pipeline.',
    remedy: 'Look at `state` first. Create another pipeline to run a spec again.',
    retryable: 'no',
  },
  JOB_QUEUE_FULL: {
    meaning: 'As many jobs wait to be started as may wait.',
    cause:
      'Jobs are submitted faster than they end; or those that wait are held up by a limit or by jobs that they depend on.',
    remedy:
      'Submit again when some of them have started, raise `limits.queued`, or see in `waitsFor` of the jobs in `list()` what holds them up.',
    retryable: 'yes',
  },
  UPDATE_REFUSED: {
    meaning:
      'A job cannot go on from its checkpoint with the changed spec, so it goes on with the one that it has.',
    cause:
      'A stage with a state has other options, is gone, or cannot be told from others; a sink would get other columns than its files have; a branch is new; the name differs; or the job has no checkpoints.',
    remedy:
      'The message names each change that cannot be. Take it back, or drain the job and submit the changed spec: it begins a new run.',
    retryable: 'no',
  },
  UPDATE_FELL_BACK: {
    meaning: 'A job with a changed spec did not start, and goes on with the spec that it had.',
    cause:
      'A stage did not open, the checkpoint does not fit after all, or the start took longer than `startDeadlineMs`.',
    remedy: 'The message says why the start failed. Mend that, and update again.',
    retryable: 'no',
  },
  DEPENDENCY_CYCLE: {
    meaning: 'Jobs would wait for one another, so that none of them could ever start.',
    cause: 'A job in `dependsOn` depends on the job that is submitted, itself or through others.',
    remedy: 'The message names the jobs in order. Take one of them out of a `dependsOn`.',
    retryable: 'no',
  },
  DEPENDENCY_UNMET: {
    meaning: 'What a job waited for can no longer come, so it was not started.',
    cause: 'A job in its `dependsOn` ended before it came to the point that was waited for, or was deleted.',
    remedy:
      'The message names that job and how it ended. Submit it again, and then this one; or wait for `completed`, where any end will do.',
    retryable: 'no',
  },
  RUNTIME_CLOSED: {
    meaning: 'The runtime is closed and takes no more jobs.',
    cause: 'A job was submitted after `close()`.',
    remedy: 'Submit before `close()`, or create another runtime.',
    retryable: 'no',
  },
  START_TIMED_OUT: {
    meaning: 'Not all stages of a job were open within `startDeadlineMs`.',
    cause:
      'A stage waits for something that does not answer, such as a network drive or a pipe; or the machine is overloaded.',
    remedy: 'The message names the stage that was waited for. See what it opens, or raise `startDeadlineMs`.',
    retryable: 'yes',
  },
  DRAIN_TIMED_OUT: {
    meaning:
      'Not all rows were delivered by the deadline of a drain, or the last checkpoint was not taken by that of a suspend, and the thread was ended.',
    cause:
      'A sink that is slow or hangs, or a deadline too short for the rows that were still in the pipeline.',
    remedy:
      'The report counts the rows that were not delivered (`rowsPending`). Raise `drainDeadlineMs`, or the `deadlineMs` of the call.',
    retryable: 'no',
  },
  RESTARTS_SPENT: {
    meaning:
      'A job failed again and again, and has had all the restarts that its policy allows: it is `dead`.',
    cause:
      'What its runs fail with does not go away by itself, or not for longer than `maxRestarts` restarts take. The message has the last failure.',
    remedy:
      'See `runs` of the job for the error of each run, mend that, and submit the job again. Raise `maxRestarts` or `backOffMax` if it merely needs more time.',
    retryable: 'no',
  },
  PROCESS_ENDED: {
    meaning: 'The process of a job ended while a run of it was at work.',
    cause:
      'The process was killed, crashed, or was stopped without `close()`. Where it happens again and again, the job itself may be the cause: native code, or memory beside the heap.',
    remedy:
      'Nothing, where the process was killed on purpose: the next run goes on. Close the runtime, or send SIGTERM to `tickloom`, and the jobs are suspended in good order.',
    retryable: 'yes',
  },
  GROUP_SPENT: {
    meaning:
      'The group of a job has had all the restarts that it may have, or could not be restarted: all of its jobs are `dead`.',
    cause:
      'One of its jobs failed again and again, or a thread of it could not be ended. The message names the group, and the job that failed first with its failure.',
    remedy:
      'Mend what that job failed with, and submit the jobs again. Raise `maxRestarts` of the group if they merely need more time.',
    retryable: 'no',
  },
  GROUP_UNKNOWN: {
    meaning: 'The runtime has no group of that name.',
    cause: 'A misspelt name, or a group that the settings of the runtime do not have.',
    remedy: 'Add the group to `groups` of the settings, or name one that is there.',
    retryable: 'no',
  },
  JOB_STALLED: {
    meaning:
      'Rows waited in a job and nothing moved, for twice the `progress` of the watchdog, and its run was ended.',
    cause: 'An operator or a sink awaits something that never comes. Only with `watchdog.onStall: restart`.',
    remedy:
      'The message names the stage. Give its calls a deadline of their own; let a sink that waits on purpose say so (`knownWaits`), or raise `watchdog.progress`.',
    retryable: 'yes',
  },
  OPERATOR_FAILED: {
    meaning: 'An operator threw.',
    cause:
      'Usually a bug in an operator of your own, or a row that it does not expect. Also: it did not open within `openDeadlineMs`, and only this is retryable.',
    remedy: 'The message names the operator, and the row where it is known. Correct the operator.',
    retryable: 'depends',
  },
  QUEUE_FULL: {
    meaning: 'More rows waited between two stages than their queue may hold.',
    cause:
      'What follows the queue is slower than what comes before it, and the `queue` of the spec says `overflow: fail`. Also: a source that sends very many control records while nothing is taken.',
    remedy:
      'The message names the queue and its bounds. Raise them, make the sink faster, or choose another `overflow`: `block` makes the source wait.',
    retryable: 'yes',
  },
  THREAD_NOT_STARTED: {
    meaning: 'The runtime cannot start threads.',
    cause:
      'The file that threads run is missing, since Tickloom is run from its sources or was bundled; the process has no file descriptors left, or the system allows it no more threads or memory; or five threads in a row did not come to life, so that none is started for a while.',
    remedy:
      'Build Tickloom, or keep it out of the bundle. Where something has run out, the message says what: raise the limit (`ulimit -n`, `ulimit -u`, that of the container), or run fewer pipelines at one time (`maxThreads`). All but the missing file are retryable.',
    retryable: 'depends',
  },
  THREAD_EXITED: {
    meaning: 'The thread of a job exited before its pipeline had ended.',
    cause: 'A module called `process.exit`.',
    remedy: 'Throw an error there instead of ending the process.',
    retryable: 'yes',
  },
  THREAD_CRASHED: {
    meaning: 'The thread of a job ended with an error that nothing caught.',
    cause:
      'A module that throws in a timer, in an event handler or in a promise that nobody awaits; or a bug of Tickloom.',
    remedy: 'The error has the stack from the thread. Catch the error where it is thrown.',
    retryable: 'yes',
  },
  THREAD_OUT_OF_MEMORY: {
    meaning: 'The thread of a job needed more heap than `maxHeapMb`.',
    cause: 'A module that keeps objects for each row, or string columns with very many different values.',
    remedy:
      'Keep fewer objects, or raise `maxHeapMb`. Columns are not on the heap; their limit is `maxMemoryMb`.',
    retryable: 'yes',
  },
  THREAD_STOPPED: {
    meaning: 'The runtime ended the thread of a job.',
    cause: 'The job was stopped, or a deadline had passed.',
    remedy: 'Nothing, where the stop was intended. A job reports this code only if it has no better reason.',
    retryable: 'no',
  },
  THREAD_BUSY: {
    meaning: 'The thread of a job has not answered a pause, a resume or a question within ten seconds.',
    cause:
      'An operator that loops or blocks the thread, or one that takes long for a batch: a thread looks at its messages between two batches.',
    remedy:
      'It does what it was asked once it gets to it. If `heartbeatAgeMs` of the job grows on and on, stop the job, or let `watchdog.loop` end it.',
    retryable: 'yes',
  },
  THREAD_STUCK: {
    meaning: 'The event loop of a thread did not turn for the `loop` of the watchdog, and its run was ended.',
    cause:
      'An operator that loops for ever, one that needs too long for one batch, or a call that blocks the thread, such as `execFileSync`. Time in which the thread had no processor does not count.',
    remedy:
      'The message says where the thread was, if that is known, and whether it used a processor. Mend that; raise `watchdog.loop` if a batch takes so long.',
    retryable: 'yes',
  },
  THREAD_LEFT_RUNNING: {
    meaning: 'A thread did not end when it was asked to, and was left running.',
    cause:
      'A component with native code was still busy after `stopGraceMs`: to end such a thread by force could end the whole process. Or the thread is in a call that cannot be interrupted, such as `execFileSync`.',
    remedy:
      'Its place is not used again before it has ended, which is noticed. A job whose sinks are all fenced is started again beside it. Restart the process when you can; raise `stopGraceMs` if the component merely needs longer, and use the asynchronous form of such calls.',
    retryable: 'no',
  },
  PROCESS_NOT_STARTED: {
    meaning: 'The process of a job with `isolation: process` did not start.',
    cause:
      'The file that processes run is missing, since Tickloom is run from its sources or was bundled; or the system allows no more processes, open files or memory.',
    remedy:
      'The message says what is missing or has run out. Raise the limit (`ulimit -u`, `ulimit -n`, that of the container), run fewer jobs at one time (`maxThreads`), or run the job in a thread.',
    retryable: 'yes',
  },
  PROCESS_LEFT_RUNNING: {
    meaning:
      'A process of a job, left behind by a runtime that has gone, was ended and is not gone after 5 seconds, so that the runtime does not start beside it.',
    cause:
      'The process is in a call of the system that does not return: a disk or a network file system hangs.',
    remedy: 'The message has its id. It goes once the call returns: mend that, and start again.',
    retryable: 'yes',
  },
  PROCESS_CRASHED: {
    meaning:
      'The process of a job ended by a signal, or with an error that nothing caught, and no other job is touched.',
    cause:
      'Native code that crashed (`SIGSEGV`, `SIGABRT`); a module that throws in a timer, in an event handler or in a promise that nobody awaits; `SIGKILL` by hand, or by the system because memory ran out.',
    remedy:
      'The message has the signal and the last lines that the process printed, or the error with its stack. Mend that. After `SIGKILL`, see the log of the system, and set `maxProcessMb`.',
    retryable: 'yes',
  },
  PROCESS_EXITED: {
    meaning: 'The process of a job exited before its pipeline had ended.',
    cause: 'A module called `process.exit`.',
    remedy: 'Throw an error there instead of ending the process.',
    retryable: 'yes',
  },
  PROCESS_OUT_OF_MEMORY: {
    meaning: 'The process of a job needed more memory than `maxProcessMb`, or more heap than `maxHeapMb`.',
    cause:
      'Native code or buffers beside the heap, a module that keeps objects for each row, or a limit too low.',
    remedy:
      'The message says which limit it was. Keep less, or raise it. `maxMemoryMb` of the spec limits columns alone.',
    retryable: 'yes',
  },
} as const satisfies ErrorTexts;
