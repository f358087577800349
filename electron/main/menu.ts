import { app, Menu, type MenuItemConstructorOptions } from 'electron'
import { showWindow } from './window'

/** The application menu: what each platform expects, and the three pages on Ctrl/Cmd+1 to 3. */
export function setupMenu(): void {
  const pages: MenuItemConstructorOptions[] = [
    { label: 'Containers', accelerator: 'CmdOrCtrl+1', click: () => showWindow('/containers') },
    { label: 'Images', accelerator: 'CmdOrCtrl+2', click: () => showWindow('/images') },
    { label: 'Machine', accelerator: 'CmdOrCtrl+3', click: () => showWindow('/machine') },
  ]
  const template: MenuItemConstructorOptions[] = [
    ...(process.platform === 'darwin' ? [{ role: 'appMenu' } as const] : []),
    { label: 'File', submenu: [{ role: 'close' }, { type: 'separator' }, { role: 'quit' }] },
    { role: 'editMenu' },
    {
      label: 'View',
      submenu: [
        ...pages,
        { type: 'separator' },
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        { type: 'separator' },
        { role: 'togglefullscreen' },
        ...(app.isPackaged ? [] : [{ role: 'toggleDevTools' } as const]),
      ],
    },
    { role: 'windowMenu' },
  ]
  Menu.setApplicationMenu(Menu.buildFromTemplate(template))
}
