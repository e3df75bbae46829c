'use strict';
// A notebook in JupyterLab.

const assert = require('node:assert/strict');
const fs = require('node:fs');
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

test('a button is pressed, and a process answers', async () => {
  const button = await (await notebook.cell('button')).waitForSelector('button.jupyter-button:text("Count")');
  await button.click();
  await notebook.shows('button', 'pressed 1 times');
  await button.click();
  await notebook.shows('button', 'pressed 2 times');
});

test('a button is heard while a cell runs', async () => {
  const waiting = await notebook.start('receive! { "enough" => println!("the cell has ended") }');
  const button = await (await notebook.cell('button')).waitForSelector('button.jupyter-button:text("Count")');
  await button.click();
  await notebook.shows('button', 'pressed 3 times');
  assert.equal(await notebook.text(waiting), '');
  // The waiting cell is told by a process that the next click starts.
  await button.click();
  await notebook.shows(waiting, 'the cell has ended');
});

test('a form is filled in, and a process is told all of it', async () => {
  const form = await notebook.cell('form');
  await (await form.waitForSelector('input[type="text"]')).fill('Ada');
  await (await form.waitForSelector('button.jupyter-button')).click();
  await notebook.shows('form', 'Ada is 36');
});

test('all kinds of inputs are there', async () => {
  const inputs = await notebook.cell('inputs');
  const kinds = ['.widget-text', '.widget-textarea', 'input[type="number"]', 'select', 'input[type="checkbox"]', 'input[type="date"]',
    'input[type="color"]', '.widget-upload'];
  for (const kind of kinds) {
    await inputs.waitForSelector(kind);
  }
  assert.equal(await inputs.$eval('input[type="date"]', input => input.value), '2024-02-29');
  assert.equal(await inputs.$eval('select', input => input.selectedOptions[0].text), 'Français');
  assert.equal(await inputs.$eval('textarea', input => input.value), 'one\ntwo');
  await notebook.shoot('controls');
});

test('a process is looked at and killed from the observer', async () => {
  const table = await notebook.cell('observer');
  const row = await table.waitForSelector('.widget-html-content tr:has-text("doomed")');
  assert.match(await row.innerText(), /<i>doomed<\/i>/);
  const pid = await notebook.text((await notebook.run('println!("{doomed}");')));
  await (await table.waitForSelector(`button:text-is("${pid.trim()}")`)).click();
  await table.waitForSelector('text=a letter that nobody reads');
  await table.waitForSelector('text=/cell \\[\\d+\\] \\d+:\\d+/');
  await notebook.shoot('observer');
  await (await table.waitForSelector('button:text("Kill <0.")')).click();
  await table.waitForSelector('text=was killed');
  assert.match(await notebook.text(await notebook.run('process::is_alive(doomed)')), /false/);
  // The evaluator is in the table as well.
  await (await table.$('select')).selectOption({ label: 'pid' });
  const evaluator = (await notebook.text(await notebook.run('println!("{}", me());'))).trim();
  await (await table.waitForSelector(`button:text-is("${evaluator}")`)).click();
  await (await table.waitForSelector(`button:text-is("Kill ${evaluator}")`)).click();
  await table.waitForSelector('text=was not killed');
});

test('controls in tabs and grids work', async () => {
  const tabs = await notebook.cell('tabs');
  await (await tabs.waitForSelector('button.jupyter-button:text("Inside")')).click();
  await notebook.shows('tabs', 'pressed inside');
  await (await tabs.waitForSelector('.lm-TabBar-tab:has-text("Tree")')).click();
  await checkPicture(page, await tabs.waitForSelector('img'), ['Downloads', 'fetcher']);
  await notebook.shoot('tabs');
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
  const button = await (await notebook.cell('button')).waitForSelector('button.jupyter-button:text("Count")');
  // What was displayed is not found by its id any more after the page was loaded again; who subscribes anew hears.
  await notebook.run('button.subscribe("again");');
  await button.click();
  const heard = await notebook.run('receive! { ("again", click): (&str, kino::control::Click) => click }');
  assert.match(await notebook.text(heard), /Click/);
  const name = await (await notebook.cell('form')).waitForSelector('input[type="text"]');
  assert.equal(await name.inputValue(), 'Ada');
  const alive = await notebook.run('process::is_alive(sup.pid())');
  assert.match(await notebook.text(alive), /true/);
});

test('the kernel is restarted from the menu, and begins anew', async () => {
  const hostOf = async () => Number(await notebook.text(await notebook.run('std::process::id()')));
  const isAlive = pid => {
    // A zombie has ended.
    try {
      return !/State:\tZ/.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return false;
    }
  };
  await notebook.run('let kept = 5; process::register(spawn(process::sleep(secs(3600))), "worker")?;');
  const before = await hostOf();
  assert.ok(isAlive(before));
  const restarted = page.evaluate(() => new Promise(resolve => {
    const { sessionContext } = jupyterapp.shell.currentWidget;
    sessionContext.statusChanged.connect(function seen(_, status) {
      if (status !== 'restarting' && status !== 'autorestarting') return;
      sessionContext.statusChanged.disconnect(seen);
      resolve();
    });
  }));
  await notebook.choose('Kernel', 'kernelmenu:restart');
  await page.click('.jp-Dialog button.jp-mod-warn');
  await restarted;
  assert.notEqual(await hostOf(), before);
  const worker = await notebook.run('process::whereis("worker")');
  assert.match(await notebook.text(worker), /None/);
  const gone = await notebook.execute('kept + 1');
  assert.match(await notebook.text(gone), /cannot find value `kept`/);
  await notebook.command('notebook:delete-cell');
  while (isAlive(before)) await new Promise(resolve => setTimeout(resolve, 10));
  const again = await notebook.run('let kept = 41; kept + 1');
  assert.match(await notebook.text(again), /42/);
});

test('nothing went wrong in the page', () => assert.deepEqual(page.errors, []));
