'use strict';
// JupyterLab and a browser, for the tests. What they need to know of this machine comes in the environment, from
// browser.rs: CHROMIUM, JUPYTER (a directory of programs), WORK and SHOTS (directories).

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { chromium } = require('playwright-core');

/// How long anything may take that is waited for, in milliseconds.
const PATIENCE = 90_000;

/// The size of the screen, but for pictures of whole notebooks.
const viewport = { width: 1000, height: 900 };

/// A browser, without any network if `offline`.
async function browse({ offline = false } = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  });
  const context = await browser.newContext({ viewport, offline });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  page.errors = [];
  page.on('pageerror', error => page.errors.push(String(error)));
  return { browser, page };
}

/// A server of JupyterLab with copies of `notebooks`, in a directory of its own.
async function serve(notebooks) {
  const home = fs.mkdtempSync(path.join(process.env.WORK, 'lab-'));
  const directory = path.join(home, 'notebooks');
  const settings = path.join(home, 'settings', '@jupyterlab');
  for (const made of [directory, path.join(settings, 'notebook-extension'), path.join(settings, 'apputils-extension')]) {
    fs.mkdirSync(made, { recursive: true });
  }
  for (const notebook of notebooks) {
    fs.copyFileSync(notebook, path.join(directory, path.basename(notebook)));
  }
  // All cells are in the page, also those that are not in sight; and nobody asks about news.
  const set = (file, values) => fs.writeFileSync(path.join(settings, file), JSON.stringify(values));
  set('notebook-extension/tracker.jupyterlab-settings', { windowingMode: 'none' });
  set('apputils-extension/notification.jupyterlab-settings', { fetchNews: 'false', checkForUpdates: false });

  const port = await freePort();
  const env = { ...process.env, JUPYTERLAB_SETTINGS_DIR: path.join(home, 'settings') };
  for (const kind of ['CONFIG', 'RUNTIME', 'DATA']) {
    env[`JUPYTER_${kind}_DIR`] = path.join(home, kind.toLowerCase());
  }
  env.JUPYTERLAB_WORKSPACES_DIR = path.join(home, 'workspaces');
  const options = ['--no-browser', '--allow-root', '--ip=127.0.0.1', `--port=${port}`, '--ServerApp.port_retries=0',
    '--IdentityProvider.token=', '--LabApp.expose_app_in_browser=True', '--ServerApp.shutdown_no_activity_timeout=600'];
  const server = spawn(path.join(process.env.JUPYTER, 'jupyter-lab'), options, { cwd: directory, env });
  const ended = once(server, 'exit');
  let log = '';
  server.stdout.resume();
  await new Promise((resolve, reject) => {
    server.stderr.on('data', text => {
      log += text;
      if (log.includes(`http://127.0.0.1:${port}/lab`)) resolve();
    });
    ended.then(() => reject(new Error(`JupyterLab ended:\n${log}`)));
  });
  const stop = async () => {
    server.kill('SIGTERM');
    await ended;
  };
  return { url: `http://127.0.0.1:${port}`, directory, log: () => log, stop };
}

async function freePort() {
  const socket = net.createServer().listen(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

/// A notebook that is open in JupyterLab, and the kernel behind it.
class Notebook {
  constructor(page) {
    this.page = page;
  }

  /// Opens a notebook, or opens it again; returns when its kernel has said that it is idle.
  static async open(page, lab, name) {
    await page.goto(`${lab.url}/lab/tree/${name}?reset`, { timeout: PATIENCE });
    await page.waitForFunction(() => globalThis.jupyterapp?.shell.currentWidget?.sessionContext);
    await page.evaluate(async () => {
      const { context, sessionContext } = jupyterapp.shell.currentWidget;
      await context.ready;
      await sessionContext.ready;
      await sessionContext.session.kernel.info;
    });
    await page.evaluate(() => {
      globalThis.cell = id => jupyterapp.shell.currentWidget.content.widgets.find(cell => cell.model.id === id).node;
    });
    return new Notebook(page);
  }

  /// Executes one of Jupyter's commands, and waits until it is done.
  async command(name, options = {}) {
    await this.page.evaluate(([name, options]) => jupyterapp.commands.execute(name, options).then(() => {}), [name, options]);
  }

  /// Runs all cells; each must succeed.
  async runAll() {
    await this.command('notebook:run-all-cells');
    await this.noErrors();
  }

  /// Adds a cell at the end and runs it; gives its id. It must succeed.
  async run(source) {
    const id = await this.execute(source);
    await this.noErrors();
    return id;
  }

  /// The same, but it may fail.
  async execute(source) {
    const id = await this.start(source);
    await this.page.evaluate(() => globalThis.running);
    return id;
  }

  /// Adds a cell at the end and begins to run it; gives its id.
  async start(source) {
    return this.page.evaluate(async source => {
      const { content } = jupyterapp.shell.currentWidget;
      content.activeCellIndex = content.widgets.length - 1;
      await jupyterapp.commands.execute('notebook:insert-cell-below');
      content.activeCell.model.sharedModel.setSource(source);
      const { id } = content.activeCell.model;
      globalThis.running = jupyterapp.commands.execute('notebook:run-cell').then(() => {});
      return id;
    }, source);
  }

  /// Takes a command of a menu, as a reader does.
  async choose(menu, command) {
    await this.page.click(`.lm-MenuBar-itemLabel:text-is("${menu}")`);
    await this.page.click(`.lm-Menu-item[data-command="${command}"]`);
  }

  async noErrors() {
    const errors = await this.page.$$eval('[data-mime-type="application/vnd.jupyter.error"]', all => all.map(one => one.innerText));
    assert.deepEqual(errors, []);
  }

  /// The part of the page that a cell is.
  async cell(id) {
    return (await this.page.evaluateHandle(id => cell(id), id)).asElement();
  }

  /// The pictures that a cell shows.
  async pictures(id) {
    return (await this.cell(id)).$$('.jp-OutputArea-output img');
  }

  /// What a cell shows, as text.
  async text(id) {
    return this.page.evaluate(id => [...cell(id).querySelectorAll('.jp-OutputArea-output')].map(output => output.innerText).join(''), id);
  }

  /// Waits until a cell shows `text`.
  async shows(id, text) {
    await this.page.waitForFunction(([id, text]) => cell(id).querySelector('.jp-Cell-outputArea').innerText.includes(text), [id, text]);
  }

  async save() {
    await this.command('docmanager:save');
  }

  /// Keeps how the notebook looks, from top to end.
  async shoot(name) {
    await this.page.evaluate(() => {
      const cells = document.querySelector('.jp-WindowedPanel-outer');
      cells.scrollTop = 0;
    });
    const height = await this.page.$eval('.jp-WindowedPanel-inner', inner => inner.scrollHeight);
    await this.page.setViewportSize({ width: viewport.width, height: Math.min(6000, height + 200) });
    await shoot(this.page, name);
    await this.page.setViewportSize(viewport);
  }
}

/// Keeps how something looks, for people. The tests do not compare these pictures.
async function shoot(what, name) {
  const file = path.join(process.env.SHOTS, `${name}.png`);
  await what.screenshot({ path: file });
}

/// A picture is there, is drawn, and is not blank; all of `says` is written in it, and the first of these read aloud.
async function checkPicture(page, picture, says) {
  await picture.scrollIntoViewIfNeeded();
  const { alt, width, natural, text } = await picture.evaluate(async img => {
    await img.decode();
    const bytes = Uint8Array.from(atob(img.src.split(';base64,')[1]), byte => byte.charCodeAt(0));
    const svg = new DOMParser().parseFromString(new TextDecoder().decode(bytes), 'image/svg+xml');
    const text = [...svg.querySelectorAll('text')].map(text => text.textContent);
    return { alt: img.alt, width: img.clientWidth, natural: img.naturalWidth, text };
  });
  assert.ok(natural > 0 && width > 0, `drawn ${width} wide, of ${natural}`);
  for (const word of says) {
    assert.ok(text.some(line => line.includes(word)), `${word} is written in the picture: ${text}`);
  }
  assert.ok(alt.includes(says[0]), `${says[0]} is in what is read aloud: ${alt}`);
  const { colours, ink } = await look(page, picture);
  assert.ok(colours >= 8 && ink > 0.02, `not blank: ${colours} colours, ${ink} of it is not background`);
}

/// How many colours something has on the screen, and which part of it has another one than its most frequent one.
async function look(page, what) {
  const png = (await what.screenshot()).toString('base64');
  return page.evaluate(async png => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const drawing = canvas.getContext('2d');
    drawing.drawImage(image, 0, 0);
    const pixels = new Uint32Array(drawing.getImageData(0, 0, image.width, image.height).data.buffer);
    const counts = new Map();
    for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
    return { colours: counts.size, ink: 1 - Math.max(...counts.values()) / pixels.length };
  }, png);
}

module.exports = { Notebook, browse, checkPicture, look, serve, shoot };
