import { createRouter, createWebHashHistory } from 'vue-router'
import ContainerPage from './pages/containers/ContainerPage.vue'
import ContainersPage from './pages/containers/ContainersPage.vue'
import ImagesPage from './pages/images/ImagesPage.vue'
import MachinePage from './pages/machine/MachinePage.vue'

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: '/', redirect: '/containers' },
    { path: '/containers', component: ContainersPage },
    { path: '/containers/:id/:tab(logs|terminal|inspect)?', component: ContainerPage, props: true },
    { path: '/images', component: ImagesPage },
    { path: '/machine', component: MachinePage },
  ],
})
