'use strict';
// A notebook in JupyterLab.

const assert = require('node:assert/strict');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { Notebook, browse, checkPicture, serve } = require('./lab');

const PROCESSES = path.join(__dirname, 'processes.ipynb');
const CHAPTER = path.join(__dirname, '../../../notebooks/ch_5.2_supervision_strategies.ipynb');

let lab, browser, page, notebook;

before(async () => {
  lab = await serve([PROCESSES, CHAPTER]);
  ({ browser, page } = await browse());
});

after(async () => {
  await browser?.close();
  await lab?.stop();
});

test('a notebook that nobody trusts yet shows its pictures', async () => {
  const opened = await Notebook.open(page, lab, path.basename(CHAPTER));
  const trusted = await page.evaluate(() => [...jupyterapp.shell.currentWidget.content.model.cells].some(cell => cell.type === 'code' && cell.trusted));
  assert.equal(trusted, false);
  for (const id of ['one-for-one-start', 'one-for-all-crash', 'rest-for-one-crash']) {
    const [picture, ...more] = await opened.pictures(id);
    assert.equal(more.length, 0);
    await checkPicture(page, picture, ['CrashDummySupervisor', 'dummy2']);
  }
  await opened.shoot('untrusted');
  await opened.command('kernelmenu:shutdown');
});

test('all cells run, and trees are pictures', async () => {
  notebook = await Notebook.open(page, lab, path.basename(PROCESSES));
  await notebook.runAll();
  const [before] = await notebook.pictures('tree');
  await checkPicture(page, before, ['Downloads', 'fetcher', 'writer']);
  const [after] = await notebook.pictures('crash');
  await checkPicture(page, after, ['Downloads', 'fetcher', '↻ 1, was <0.']);
  assert.match(await notebook.text('prose'), /two workers/);
  await notebook.shoot('light');
});

test('a picture changes in its place while its process works', async () => {
  const source = async () => (await notebook.pictures('live'))[0].getAttribute('src');
  const before = await source();
  const crash = await notebook.run('gen_server::cast(named::<Worker>("writer"), Boom);');
  await page.waitForFunction(before => cell('live').querySelector('img').src !== before, before);
  const pictures = await notebook.pictures('live');
  assert.equal(pictures.length, 1);
  await checkPicture(page, pictures[0], ['writer', '↻ 1, was <0.']);
  assert.equal(await notebook.text(crash), '');
});

test('a dark theme shows the same', async () => {
  await notebook.command('apputils:change-theme', { theme: 'JupyterLab Dark' });
  await page.waitForFunction(() => document.body.dataset.jpThemeLight === 'false');
  const [picture] = await notebook.pictures('crash');
  await checkPicture(page, picture, ['Downloads', 'fetcher']);
  await notebook.shoot('dark');
  await notebook.command('apputils:change-theme', { theme: 'JupyterLab Light' });
});

test('a page that is loaded again shows what was there', async () => {
  await notebook.save();
  notebook = await Notebook.open(page, lab, path.basename(PROCESSES));
  const [picture] = await notebook.pictures('live');
  await checkPicture(page, picture, ['writer', '↻ 1, was <0.']);
  const trusted = await page.evaluate(() => [...jupyterapp.shell.currentWidget.content.model.cells].every(cell => cell.type !== 'code' || cell.trusted));
  assert.ok(trusted, 'whoever ran it trusts it');
  const alive = await notebook.run('process::is_alive(sup.pid())');
  assert.equal((await notebook.text(alive)).trim(), 'true');
});

test('nothing went wrong in the page', () => assert.deepEqual(page.errors, []));
