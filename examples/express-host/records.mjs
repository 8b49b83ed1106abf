// What the host knows. Every change is a line of a journal that is on the disk before anything is
// answered; a host with a database does the same in one transaction.
import { appendFileSync, fsyncSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { follow, standing } from './payments.mjs';

export class Records {
  #file;
  #size;
  #consultations = new Map();
  #payments = new Map();
  #taken = new Set();

  constructor(path) {
    this.#file = openSync(path, 'a+');
    const written = readFileSync(path);
    // A line that the last run could not finish was never acknowledged.
    this.#size = written.lastIndexOf('\n') + 1;
    ftruncateSync(this.#file, this.#size);
    const lines = written.subarray(0, this.#size).toString().split('\n').slice(0, -1);
    for (const line of lines) this.#apply(JSON.parse(line));
  }

  addConsultation({ patient_id, fee, currency }) {
    const id = this.#consultations.size + 1;
    const consultation = { id, patient_id, fee, currency };
    this.#write({ consultation });
    return consultation;
  }

  // Takes a message of Sekali's, once, however often it comes. Nothing else runs between the question
  // and the write; in a database the id is a primary key, and the insert decides.
  take(id, message) {
    if (this.#taken.has(id)) return;
    this.#write({ taken: id, message });
  }

  consultation(id) {
    const consultation = this.#consultations.get(id);
    if (consultation === undefined) return undefined;
    const payments = [...this.#payments.values()].filter((one) => one.consultation_id === id);
    return { ...consultation, status: standing(payments), payments };
  }

  #write(change) {
    const line = Buffer.from(`${JSON.stringify(change)}\n`);
    try {
      appendFileSync(this.#file, line);
      fsyncSync(this.#file);
    } catch (error) {
      ftruncateSync(this.#file, this.#size);
      throw error;
    }
    this.#size += line.length;
    this.#apply(change);
  }

  #apply({ consultation, taken, message }) {
    if (consultation !== undefined) this.#consultations.set(consultation.id, consultation);
    if (taken === undefined) return;
    this.#taken.add(taken);
    // Types that are not known here yet are acknowledged, and change nothing.
    if (!message.type.startsWith('payment.')) return;
    // Not by its number: numbers come again when Sekali's database was restored from a backup.
    const { reference } = message.data;
    this.#payments.set(reference, follow(this.#payments.get(reference), message));
  }
}
