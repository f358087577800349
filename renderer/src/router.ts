import { createRouter, createWebHashHistory, type RouteRecordRaw } from 'vue-router'

/** Each folder of pages names its own routes; their components are loaded when they are first shown. */
const folders = import.meta.glob<{ routes: RouteRecordRaw[] }>('./pages/*/routes.ts', { eager: true })

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [{ path: '/', redirect: '/containers' }, ...Object.values(folders).flatMap(({ routes }) => routes)],
})
