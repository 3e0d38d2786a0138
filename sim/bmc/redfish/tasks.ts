// Work that takes a while: a task with its monitor (DSP0266 §12.2), which goes on each time it is looked at, or at the next start of the machine.
import type { RedfishMachine } from './machine.ts'
import { collection, type Outcome, type Resource } from './resource.ts'

const TASKS = '/redfish/v1/TaskService/Tasks'

interface Task {
  readonly id: string
  readonly work: () => void
  readonly fails: boolean
  /** Looks until it ends; undefined: it waits for a start. */
  looks: number | undefined
  state: 'Pending' | 'Running' | 'Completed' | 'Exception'
}

export class Tasks {
  readonly #machine: RedfishMachine
  readonly #all: Task[] = []

  constructor(machine: RedfishMachine) {
    this.#machine = machine
  }

  /** 202, with the monitor. `when`: looks until it ends, or at the next start. `fails`: it ends badly, and nothing is done. */
  begin(work: () => void, when: number | 'start', fails = false): Outcome {
    const id = String(this.#all.length + 1)
    const waits = when === 'start'
    const task: Task = { id, work, fails, looks: waits ? undefined : when, state: waits ? 'Pending' : 'Running' }
    this.#all.push(task)
    if (waits) this.#machine.atStart(() => this.#end(task))
    // Without a body: sushy would take the task in it for the monitor, and a task that runs for one that has ended.
    return { status: 202, headers: { location: `/redfish/v1/TaskMonitors/${id}`, 'retry-after': '0' } }
  }

  #end(task: Task): void {
    if (!task.fails) task.work()
    task.state = task.fails ? 'Exception' : 'Completed'
  }

  #look(task: Task): Outcome {
    if (task.state === 'Running' && task.looks !== undefined && task.looks-- <= 0) this.#end(task)
    const isOver = task.state === 'Completed' || task.state === 'Exception'
    return { status: isOver ? 200 : 202, headers: { 'retry-after': '0' }, body: this.#show(task) }
  }

  #show({ id, state, looks, fails }: Task): Record<string, unknown> {
    const failed = { MessageId: 'Update.1.0.ApplyFailed', Message: 'The work could not be done.' }
    return {
      '@odata.type': '#Task.v1_5_1.Task',
      '@odata.id': `${TASKS}/${id}`,
      Id: id,
      Name: `Task ${id}`,
      TaskState: state,
      TaskStatus: state === 'Exception' ? 'Critical' : 'OK',
      TaskMonitor: `/redfish/v1/TaskMonitors/${id}`,
      PercentComplete: state === 'Completed' ? 100 : Math.max(0, 100 - 10 * (looks ?? 10)),
      Messages: fails && state === 'Exception' ? [failed] : [],
    }
  }

  /** `isHidden`: the list is empty. */
  resources(isHidden: boolean): Record<string, Resource> {
    const paths = (isHidden ? [] : this.#all).map(({ id }) => `${TASKS}/${id}`)
    return {
      '/redfish/v1/TaskService': {
        what: 'TaskService',
        get: () => ({
          '@odata.type': '#TaskService.v1_1_6.TaskService',
          '@odata.id': '/redfish/v1/TaskService',
          Id: 'TaskService',
          Name: 'Task Service',
          ServiceEnabled: true,
          Tasks: { '@odata.id': TASKS },
        }),
      },
      [TASKS]: { what: 'Tasks', get: () => collection(TASKS, 'Task', paths) },
      ...Object.fromEntries(
        this.#all.map((task) => [`${TASKS}/${task.id}`, { what: 'Task', get: () => this.#look(task).body! }]),
      ),
      ...Object.fromEntries(
        this.#all.map((task) => [
          `/redfish/v1/TaskMonitors/${task.id}`,
          { what: 'TaskMonitor', look: () => this.#look(task) },
        ]),
      ),
    }
  }
}
