import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  { path: '/volumes', component: () => import('./VolumesPage.vue') },
  { path: '/volumes/:name/:tab?', component: () => import('./VolumePage.vue'), props: true },
]
