'use strict';
// Pages made of a notebook, in a browser that has no network.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { pathToFileURL } = require('node:url');
const { browse, checkPicture, look, shoot } = require('./lab');

const PROCESSES = path.join(__dirname, 'processes.ipynb');
const CHAPTER = path.join(__dirname, '../../../notebooks/ch_5.2_supervision_strategies.ipynb');
const TREES = 6;
const DRAWINGS = 3;

let browser, page;

before(async () => ({ browser, page } = await browse({ offline: true })));
after(() => browser?.close());

/// All trees of the chapter are in the page.
async function checkTrees() {
  const pictures = await page.$$('img[alt*="CrashDummySupervisor"]');
  assert.equal(pictures.length, TREES);
  for (const picture of pictures) {
    await checkPicture(page, picture, ['CrashDummySupervisor', 'dummy2']);
  }
}

test('what nbconvert makes of a notebook shows its trees', async () => {
  await convert(CHAPTER);
  await checkTrees();
  await shoot(page, 'nbconvert');
});

test('what nbconvert makes of a notebook shows the drawings in its prose', async () => {
  fs.cpSync(path.join(path.dirname(CHAPTER), 'files'), path.join(process.env.WORK, 'files'), { recursive: true });
  await convert(CHAPTER);
  const drawings = await page.$$('img[src*="files/"]');
  assert.equal(drawings.length, DRAWINGS);
  for (const drawing of drawings) {
    assert.ok((await look(page, drawing)).colours >= 4, 'it is not blank');
  }
});

test('controls that nobody can use any more are pictures', async () => {
  await convert(PROCESSES, '--execute');
  for (const says of ['[ Count ]', '[ Send ]', 'Français', '2024-02-29']) {
    const picture = await page.$(`img[alt*="${says}"]`);
    assert.ok(picture, says);
    assert.ok((await look(page, picture)).colours >= 8, `${says} is not blank`);
  }
  await shoot(page, 'nbconvert-controls');
});

test('what a site keeps that strips scripts, styles and drawings shows its trees', async () => {
  await page.setContent(sanitised(JSON.parse(fs.readFileSync(CHAPTER, 'utf8'))));
  await checkTrees();
  await shoot(page, 'sanitised');
});

/// Has nbconvert make a page of a notebook, and opens it.
async function convert(notebook, ...options) {
  const nbconvert = path.join(process.env.JUPYTER, 'jupyter-nbconvert');
  execFileSync(nbconvert, ['--to', 'html', '--output-dir', process.env.WORK, ...options, notebook], { stdio: 'pipe' });
  await page.goto(pathToFileURL(path.join(process.env.WORK, `${path.basename(notebook, '.ipynb')}.html`)).href);
}

/// A notebook as GitHub and nbviewer show it: of the representations that are no widgets, the best one. From HTML,
/// scripts, styles and drawings are taken; pictures with their data in them stay.
function sanitised(notebook) {
  const text = lines => [lines].flat().join('');
  const escaped = plain => plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const stripped = html => html
    .replaceAll(/<(script|style|svg|iframe|form)\b.*?<\/\1>/gis, '')
    .replaceAll(/<(link|input|button)\b[^>]*>/gi, '')
    .replaceAll(/\s(on\w+|style|class|id)="[^"]*"/gi, '');
  const shown = ({ data = {}, text: stream }) => {
    if (data['text/html']) return stripped(text(data['text/html']));
    if (data['image/svg+xml']) return stripped(text(data['image/svg+xml']));
    return `<pre>${escaped(text(stream ?? data['text/plain'] ?? ''))}</pre>`;
  };
  const cells = notebook.cells.map(cell => [`<pre>${escaped(text(cell.source))}</pre>`, ...(cell.outputs ?? []).map(shown)].join('\n'));
  return `<!doctype html><meta charset="utf-8"><body>${cells.join('\n')}</body>`;
}
