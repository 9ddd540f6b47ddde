import { describe, expect, it } from 'vitest';
import { Press } from './press';

/** A window in which the test plays the pointer. */
function pointer() {
	const target = new EventTarget();
	const tasks: (() => void)[] = [];
	const happened: string[] = [];
	return {
		press: new Press(target, (work) => tasks.push(work)),
		happened,
		send: (type: string) => target.dispatchEvent(new Event(type)),
		nextTask: () => tasks.splice(0).forEach((work) => work()),
		work: () => happened.push('work')
	};
}

describe('work that would move the page', () => {
	it('is done at once where nothing is pressed', () => {
		const { press, happened, work } = pointer();

		press.after(work);

		expect(happened).toEqual(['work']);
	});

	it.each(['mouseup', 'dragend', 'pointercancel'])(
		'waits for the click of the press that ends with %s',
		(end) => {
			const { press, happened, send, nextTask, work } = pointer();

			send('mousedown');
			press.after(work);
			send(end);
			happened.push('click');
			nextTask();

			expect(happened).toEqual(['click', 'work']);
		}
	);

	it('is done once, and the next one at once again', () => {
		const { press, happened, send, nextTask, work } = pointer();
		send('mousedown');
		press.after(work);
		send('mouseup');
		nextTask();
		send('mousedown');
		send('mouseup');
		nextTask();

		press.after(() => happened.push('next'));

		expect(happened).toEqual(['work', 'next']);
	});

	it.each(['before', 'after'])('is never done where it is called off %s the press ends', (moment) => {
		const { press, happened, send, nextTask, work } = pointer();
		send('mousedown');
		const callOff = press.after(work);

		if (moment === 'before') callOff();
		send('mouseup');
		callOff();
		nextTask();

		expect(happened).toEqual([]);
	});
});
